#include "daemon/egress.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_NETS 256

struct net {
	int family;
	unsigned char addr[16];
	unsigned bits;
};

struct egress {
	struct net nets[MAX_NETS];
	size_t n;
};

static int
parse_net(struct net * net, const char * s, struct err * e)
{
	char addr[64], * end;
	const char * slash = strchr(s, '/');
	size_t n = slash ? (size_t)(slash - s) : strlen(s);
	long bits, max;

	if (n < sizeof(addr)) {
		memcpy(addr, s, n);
		addr[n] = '\0';
		net->family = strchr(addr, ':') ? AF_INET6 : AF_INET;
		max = net->family == AF_INET6 ? 128 : 32;
		bits = slash ? strtol(slash + 1, &end, 10) : max;
		if (inet_pton(net->family, addr, net->addr) == 1 &&
		    bits >= 0 && bits <= max &&
		    (slash == NULL || (slash[1] != '\0' && *end == '\0'))) {
			net->bits = (unsigned)bits;
			return (0);
		}
	}
	return (err_set(e, ERR_CONFIG, "config", "egress_deny: '%.64s' is no "
	    "network; expected ADDRESS/BITS such as 10.0.0.0/8", s));
}

struct egress *
egress_new(const char * list, struct err * e)
{
	struct egress * g = calloc(1, sizeof(*g));
	char * copy = strdup(list), * save = NULL, * p;

	if (g == NULL || copy == NULL) {
		err_nomem(e, "egress_deny");
		goto fail;
	}
	if (strcmp(list, "none") == 0)
		*copy = '\0';
	for (p = strtok_r(copy, ", \t", &save); p != NULL;
	    p = strtok_r(NULL, ", \t", &save)) {
		if (g->n == MAX_NETS) {
			err_set(e, ERR_CONFIG, "config",
			    "egress_deny has more than %d networks", MAX_NETS);
			goto fail;
		}
		if (parse_net(&g->nets[g->n++], p, e))
			goto fail;
	}
	free(copy);
	return (g);
fail:
	free(copy);
	free(g);
	return (NULL);
}

void
egress_free(struct egress * g)
{
	free(g);
}

static int
inside(const struct net * net, const unsigned char * a)
{
	unsigned whole = net->bits / 8, rest = net->bits % 8, mask;

	if (memcmp(net->addr, a, whole) != 0)
		return (0);
	mask = (0xff00U >> rest) & 0xff;
	return (rest == 0 || ((net->addr[whole] ^ a[whole]) & mask) == 0);
}

/* "Any address", to which a connection goes as to this machine itself. */
static const unsigned char *
as_reached(const unsigned char * a, int family)
{
	static const unsigned char any[16], here4[4] = { 127, 0, 0, 1 };
	static const unsigned char here6[16] = { [15] = 1 };

	if (memcmp(a, any, family == AF_INET6 ? 16 : 4) != 0)
		return (a);
	return (family == AF_INET6 ? here6 : here4);
}

int
egress_check(void * arg, const struct sockaddr * sa)
{
	const struct egress * g = arg;
	const unsigned char * a, * to;
	size_t i;

	if (sa->sa_family == AF_INET)
		a = (const unsigned char *)
		    &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
	else if (sa->sa_family == AF_INET6)
		a = (const unsigned char *)
		    &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
	else
		return (-1);
	to = as_reached(a, sa->sa_family);
	for (i = 0; i < g->n; i++)
		if (g->nets[i].family == sa->sa_family &&
		    (inside(&g->nets[i], a) || inside(&g->nets[i], to)))
			return (-1);
	return (0);
}

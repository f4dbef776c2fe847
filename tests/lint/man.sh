#!/bin/sh
# Every manual page is one that mandoc has nothing to say about, and in which each
# quotation ends before the next one begins.
set -u

if ! command -v mandoc >/dev/null 2>&1; then
	echo "1..0 # SKIP mandoc is not installed"
	exit 0
fi
set -- "$srcdir"/man/*.[1-8]
if [ ! -e "$1" ]; then
	echo "1..0 # SKIP there is no manual page yet"
	exit 0
fi
echo "1..$#"
n=0
bad=0
for page; do
	n=$((n + 1))
	said=$(mandoc -Tlint -W warning "$page" 2>&1)
	said=$said$(mandoc -Tutf8 "$page" | LC_ALL=C sed -n \
	    's/.\x08//g; s/‘/\x01/g; s/’/\x02/g
	    /\x01[^\x02]*\x01\|\x02\x02/ { s/\x01/‘/g; s/\x02/’/g; p }')
	if [ -z "$said" ]; then
		echo "ok $n - ${page##*/}"
	else
		echo "not ok $n - ${page##*/}"
		echo "$said" | sed 's/^/# /'
		bad=1
	fi
done
exit $bad

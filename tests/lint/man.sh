#!/bin/sh
# Every manual page is one that mandoc has nothing to say about.
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
	if [ -z "$said" ]; then
		echo "ok $n - ${page##*/}"
	else
		echo "not ok $n - ${page##*/}"
		echo "$said" | sed 's/^/# /'
		bad=1
	fi
done
exit $bad

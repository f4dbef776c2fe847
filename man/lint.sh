#!/bin/sh
# Each manual page is without a warning of mandoc's.
dir=${srcdir:-.}/man
command -v mandoc >/dev/null || {
	echo "1..0 # SKIP mandoc is not installed"
	exit 0
}
n=0
bad=0
for page in "$dir"/*.[1-9]; do
	n=$((n + 1))
	if said=$(mandoc -Tlint -W warning "$page" 2>&1) && [ -z "$said" ]; then
		echo "ok $n - ${page##*/}"
	else
		bad=1
		echo "not ok $n - ${page##*/}"
		echo "$said" | sed 's/^/# /'
	fi
done
echo "1..$n"
exit $bad

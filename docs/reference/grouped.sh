#!/bin/sh
# Doxygen's filter: puts what a header declares into the group of its folder; no line is added, so that numbers of lines stay.
folder=${1%/*}
case $1 in *.h) ;; *) exec cat "$1" ;; esac
group=$(printf %s "${folder#"$PWD"/}" | sed 's,.*/\(framework\|lab\)/,\1/,; s,.*/,&,; s,/,_,g')
sed -e "s,^namespace ebb\(::[a-z_]*\)* {\$,& /** \\\\addtogroup $group */ /** @{ */," -e 's,^}  // namespace ebb.*,/** @} */ &,' "$1"

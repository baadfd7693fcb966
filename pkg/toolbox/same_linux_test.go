package toolbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// same are commands that print the same as the machine's own programs, to the byte. A trailing space stands for
// output that is sorted first.
var same = []string{
	"ls -1", "ls -la", "ls -l t n", "ls -lh n", "ls -lS", "ls -ltr d", "ls -R", "ls -d d", "ls -ld / d", "ls -n p", `[ "$(ls -i n)" = "$(stat -c %i n) n" ]; echo $?`, "ls -F", "ls -a d", "ls -A", "ls -p", "ls -s d", "ls",
	"cat t n", "cat -n t", "cat -A crlf", "cat -s t", "cat -b t", "cp n c; chmod 4755 c; sed -i s/1/2/ c; stat -c %a c; rm c", "tac n", "tac /proc/filesystems", "tac /sys/kernel/mm/transparent_hugepage/enabled", "rev t", "nl t",
	"head -5 n", "head -n 3 n", "head -c 4 n", "head -n -15 n", "printf a | head -n -0", "head -2 n t", "head -qn1 n t", "head -n 0 n",
	"tail -5 n", "tail -n 3 n", "tail -n +18 n", "tail -c 5 n", "tail -c 5 /proc/version", "tail -c 5 /sys/kernel/profiling", "tail +19 n", "tail -n 2 n t", "tail -n 1 'no newline'", "cat n n | tail -c 7; cat n | tail -c 0; head -c 300000 /dev/zero | tail -c 100000 | wc -c; printf ab | tail -c 9", "tail -n5 -q n t",
	"sort t", "sort -k2 -n t", "sort -k2nr t", "sort -u t", "sort -t: -k3 -n p", "sort -rn n", "sort -k1,1 -k2,2n t", "sort -t: -k1.2,1.3 p", "sort n", "sort -c t", "printf '10K\\n9M\\n2\\n' | sort -h", "printf 'v1.10\\nv1.9\\n' | sort -V", "sort -s -k1,1 t", "sort -f t",
	"uniq -c t", "uniq -d t", "uniq -u t", "uniq t", "sort t | uniq -c | sort -rn",
	"wc t n", "wc -l n", "wc -c n", "wc < n", "wc -lw t", "wc -L p", "cat n | wc -l", "wc -m t",
	"cut -d: -f1,3 p", "cut -c1-3 p", "cut -d: -f2- p", "cut -f1 t", "cut -d' ' -f2 t", "cut -sd: -f1 t", "cut -d: -f1,7 --output-delimiter=' ' p",
	"tr a-z A-Z < t", "tr -d a < t", "tr -s ' ' < t", "tr '[:lower:]' '[:upper:]' < t", "tr -cd '0-9\\n' < t", "tr '\\n' ' ' < n", "tr -dc '[:alnum:]' < p", "tr abc x < t",
	"grep -n root p", "grep -v a t", "grep -c a t", "grep -i ROOT p", "grep -E 'a|b' t", "grep -o '[0-9]*' t", "grep -A1 -B1 c t", "grep -l a t n p", "grep -q a t", "grep -w 1 n", "grep -F . t", "grep -rl 10 d", "grep -rn 10 d", "grep 'a\\|c' t", "grep -x 1 n", "grep -h a t p", "grep -H a t", "grep -e a -e b t", "grep nosuch t", "grep -m1 a t", "grep -2 c t", "grep -c . n t", "grep a binary", "grep -r --include=n2 1 d", "grep '^a.*0$' t", "grep -E '^(a|b) [0-9]{1,2}$' t", "grep -L a t n", "egrep 'a|b' t", "grep '[[:digit:]]' t", "grep '\\bc\\b' t", "grep -on a t", "grep -vn a t",
	"find . -name n2", "find d -maxdepth 1", "find . -name '*2' -exec echo {} \\;", "find d -type d", "find . -type l | sort", "find . -name n2 -o -name t | sort", "find . -path './d/*' | sort", "find d -empty", "find . -size +0 -type f | sort", "find . -not -name n -type f | sort", "find d -mindepth 1 -maxdepth 1", "find . -maxdepth 1 -name '[tp]' | sort", "find d -name n2 -exec wc -l {} +", "find . -newer nosuch", "find . -iname N2", "find d -printf '%p %s %m %y\\n' | sort", "find . -name d -prune -o -type f -print | sort", "find . \\( -name t -o -name p \\) -print | sort", "find . -user root -name t", "find d -type f -perm 644", "find . -mmin +30 -name t",
	"sed s/a/b/g t", "sed -n 2,3p n", "sed -E 's/(.) (.*)/\\2 \\1/' t", "sed -e 1d -e 3d t", "sed /a/d t", "sed '$d' t", "sed 's/\\(.\\) \\(.*\\)/\\2 \\1/' t", "sed -n '$p' n", "sed '2q' n", "sed 's/[0-9]/<&>/' t", "sed -n '/b/,/c/p' t", "sed '1!G;h;$!d' n", "sed 'y/abc/xyz/' t", "sed '2i\\before' t", "sed 's/a/x/2' t", "sed -n '/a/=' t", "sed 's|/|_|g' p", "sed '/a/s/1/2/' t", "sed 'N;s/\\n/,/' n", "sed ':a;N;$!ba;s/\\n/ /g' n", "sed '0~5d' n", "sed -n '5,+2p' n", "sed '/^$/d' t", "sed 's/.*/\\U&/' t", "sed '$a end' t", "sed '3,$d' n", "sed -s -n '$p' n t", "sed 's/\\s/_/g' t", "sed '/a/{s/a/z/;s/1/9/}' t", "sed 's/b*/x/g' t", "sed 'c new' t", "cp t c && sed -i s/a/X/ c && cat c && sed -i.bak s/X/Y/ c && cat c c.bak && rm c c.bak",
	"ls -1 --sort=size n p", "ls -l --time-style=long-iso n", "ls -l --time-style=+%F n t", "ls -l --time-style=full-iso n", "ls -I n -I 'd*'", "ls --sort=none d", "ls --sort=nonsense 2>/dev/null",
	"du --apparent-size -s n", "du -s --exclude=e d", "du -a --exclude='n*' d", "find . -samefile n", "find . -samefile nosuch", "df -P / | head -1 | tr -s ' '", "df -i / | head -1 | tr -s ' '", "df -h / | head -1 | tr -s ' '",
	"tar -cvf a.tar d && tar -cvzf a.tgz d; rm a.tar a.tgz", "tar cvf - d 2>/dev/null | tar t", "(timeout -s KILL 0.1 sleep 5; echo $?) 2>/dev/null", "timeout -k 1 0.1 sleep 5; echo $?", "seq 9 > q; sort -m q q; rm q", "sort --parallel=2 -S 1M n", "ps -C nosuch -o pid=", "ps -p 1 -o pid=,ppid=", "jq -S . json",
	"(sed 1q; cat) < n", "(sed -n 2q; cat) < n", "(sed 2Q; cat) < n", "(sed -n '$p;2q'; cat) < n", "(sed -n 2,3p; cat) < n", "(sed '2{N;q}'; cat) < n", "(sed 'n;q'; cat) < n", "(head -2; cat) < n", "(grep -m1 3; cat) < n", "(grep -m2 .; cat) < n", "(grep -q 2; cat) < n", "seq 5 | (sed -u 2q; cat)", "seq 5 | (sed -un '1p;2q'; cat)", "sed '2{a x\nQ}' n", "printf a | sed -n '$p;p'", "printf 'a\nb' | sed N", "sed -n '$=' n t", "sed '$!N;P;D' n", "printf 'a\\nb' | sed 'p;='", "printf a | sed 'a x'", "printf a | sed 'i x'", "printf a | sed 's/a/b/p'", "printf a | sed l", "sed -n 's/a/b/w q' t; cat q; rm q", "sed -n '/a/w q' t; cat q; rm q", "printf a > q; sed p q n | head -3; sed -i p q; cat q; rm q", "printf 'a\\nb' | sed -n 'N;P'", "printf a | sed '$d'", "(echo a; sleep 0.2; echo b) | sed s/a/x/", "sed -i '2q' nosuch", "cp n c && sed -i 2q c && cat c; rm c",
	"awk '{print $1}' t", "awk -F: '{print $1, $NF}' p", "awk -F: -v x=1 'x{s+=$3} END{print s}' p", "awk 'NR==2' n", "awk '{a[$1]+=$2} END{for(k in a) print k, a[k]}' t | sort", "awk '/a/{n++} END{print n+0}' t", "awk 'BEGIN{printf \"%05.2f|%s\\n\", 3.14159, \"x\"}'", "awk '{print length($0), toupper($1)}' t", "awk '{gsub(/a/,\"b\"); print}' t",
	"xargs echo < t", "xargs -n1 echo < t", "xargs -I{} echo x{}y < t", "printf 'a b\\0c' | xargs -0 -n1 echo", "xargs -n2 < n", "echo | xargs -r echo never", "echo 1 2 | xargs -t true 2>/dev/null",
	"diff t n", "diff -u t t", "diff -q t n", "diff t p", "printf 'a\\nb\\nc\\n' | diff - n", "diff -r d d", "cmp n d/e/n2", "cmp -s n t", "comm t t", "comm -12 n n", "paste t t", "paste -sd, n", "paste -d: n n", "fold -w 3 p", "fold -sw 10 p",
	"hexdump -C t", "hexdump t", "od -c t", "od -An -tx1 t", "od -t x1z t", "od t", "strings -n 3 p", "base64 n", "base64 -w0 n", "base64 n | base64 -d", "md5sum n", "sha1sum n t", "sha256sum < n", "sha512sum n", "md5sum n | md5sum -c",
	"tee copy < t && cat copy && rm copy", "du -s d", "du -sh d", "du -h d", "du d", "du -a d", "du -b n", "du -sk d",
	"id", "id -u", "id -un root", "id -G", "id root", "whoami", "groups", "uname -r", "uname -s", "uname -m", "uname -n", "printenv HOME", "env -i A=1 env", "hostname", "hostname -s", "hostname -f 2>/dev/null | wc -l",
	"date -u -d @0", "date -u +%Y-%m-%d", "date -u -d @86400 +%F' '%T", "date -u -d @5 +%s", "date -d '2020-01-02 03:04:05' +%Y%m%d%H%M%S", "date -u -Is -d @0",
	"basename /a/b.c .c", "basename /a/b", "dirname /a/b/c", "basename -s .c a.c b/d.c .c", "basename -a a/b c/d/", "basename -za a b | od -c", "basename / x; basename '' x; basename //; basename a b c 2>/dev/null; basename a.c a.c", "dirname a /a //a a// a/b/ a//b '' / b/c", "dirname -z a/b | od -c",
	"realpath .", "realpath l broken nosuch d/../n", "realpath nosuch/x; realpath -e nosuch; realpath -m nosuch/x/../y; realpath -s l; realpath -qe nosuch; realpath --relative-to=d/e n d", "readlink -m nosuch/x", "readlink -f broken", "readlink -e broken",
	"tee nosuch/x c < n && cat c; rm c", "tee -a c c2 < t; tee -a c < t >/dev/null; cat c; rm c c2", "echo x | tee /dev/full", "(echo a; sleep 0.1; echo b) | tee c | head -1; rm c",
	"seq -f %03g 3", "seq -f 'a%.2fb' 1 2", "seq -f %d 3 2>/dev/null", "seq -w -s: 8 11", "seq -ws, 8 11", "seq 1.5 3.55", "seq 1 2.5", "seq --separator=, 3", "seq x 2>/dev/null", "seq 3 1", "seq -3 -1", "seq -f '%g%%' 2", "readlink l", "readlink -f l", "readlink nosuch", "realpath l",
	"touch -d 2020-01-01 z && ls -l --full-time z && rm z", "mkdir -p q/w/e && find q && rmdir q/w/e && rm -r q && ls q", "mkdir q && chmod 750 q && stat -c %a q && rmdir q", "mkdir d 2>/dev/null", "mkdir nosuch/x 2>/dev/null", "mkdir q q w 2>/dev/null; rmdir q w", "mkdir -m 1750 q; stat -c %a q; rmdir q", "mkdir -m u=rwx,g=s,o= q; stat -c %a q; rmdir q", "mkdir -pv q/w/e; mkdir -p q/w; mkdir -pm 700 q/y; stat -c %a q/y; rm -r q", "mkdir -p n/x 2>/dev/null", "umask 27; mkdir -p q/w; stat -c %a q q/w; mkdir -m 777 q/y; stat -c %a q/y; rm -r q", "mkdir -m nonsense q 2>/dev/null",
	"cp n c && chmod u+x,go-r c && stat -c '%a %A %s %F %h' c && rm c", "cp -r d d2 && find d2 && rm -rf d2", "cp -a d d3 && ls -lR d3 && rm -r d3", "cp n c; mv c c2; ls c c2; rm c2", "cp n t nosuch/", "ln -s t l2 && readlink l2 && ln -sf n l2 && readlink l2 && rm l2", "ln n hard && stat -c %h n && rm hard", "cp -p n c && stat -c %Y c && rm c", "truncate -s 3 c && wc -c c && rm c", "cp t c && chmod a= c && stat -c %a c && rm c", "stat -c '%n %U:%G' t l", "stat -Lc %F l",
	"chmod -R g+w d && find d -perm -g+w && chmod -R g-w d", "chown 0:0 n && stat -c %u:%g n", "mktemp -u /tmp/xXXXXXX | wc -c",
	"echo -n x", "echo -e 'a\\tb'", "printf '%s-%d\\n' a 5", "printf '%5.1f|%-4s|%x\\n' 2.25 a 255", "test -f n", "test -d n", "[ 1 -lt 2 ]", "[ a = b ]", "expr 1 + 2", "expr 2 \\* 3", "expr length abc", "expr abc : 'a\\(.\\)'", "seq 1 3", "seq 3", "seq 2 2 6", "seq -s, 3", "seq -w 8 10", "seq 3 -1 1", "seq 0.5 0.5 2",
	"ls -v", "ls -m", "ls -x", "ls -Q", "ls -b", "ls -w 40 -C", "ls -xw 30", "ls -mw 20", "ls -C", "ls -T 0 -C", "ls -la --block-size=M n", "ls -l --si n", "ls -G", "ls -lG n", "ls --zero", "ls -B", "ls -lH l", "ls -f | sort", "ls --hide='n*'", "ls --format=commas", "ls --indicator-style=slash", "ls --quoting-style=shell-escape", "ls -lu --time=ctime n | wc -l", "touch \"a'b\" 'a\"b' 'a$b' '~x' '#y' '*' 'a\\b' f10 f9; ls --quoting-style=shell-escape; ls -Q; ls -b; ls -v f*; rm -- \"a'b\" 'a\"b' 'a$b' '~x' '#y' '*' 'a\\b' f10 f9",
	"grep --color=always -n -A1 1 n", "grep --color=always -rn 10 d", "grep --color=always -o 1 n", "grep --color=always -c 1 n t", "grep -zo 1 n | od -c", "grep -b 1 n", "grep -ob 1 n", "grep -b -A1 c t", "grep -nb a t", "grep -lZ 1 n p | od -c", "grep -y A t", "grep -HT 1 n", "grep -c a t -f nosuch 2>/dev/null",
	"date -u -d '2024-01-02 03:04:05 UTC' +%s", "date -d '2024-01-02 + 3 days' +%F", "date -d 'Jan 2 2024' +%F", "date -d '2 Jan 2024 10:00' +%FT%R", "date --rfc-3339=seconds -d @0", "date -d 20240102 +%F", "date -d '20240102 0304' +%F%R", "date -d 01/02/2024 +%F", "date -d 'today 00:00' +%s", "date -d 'yesterday 13:00' +%F%R", "date -d 'next monday' +%F; date -d 'last friday' +%F; date -d friday +%F; date -d 'next week' +%F; date -d 'last month' +%F; date -d '-2 days' +%F", "date -d '10pm' +%H; date -d 12am +%H", "date -d '2 days ago 10:00' +%F%R", "date -d '1 day 2 hours ago' +%F", "date -d @1.5 +%s.%N", "date -d 2024-02-30 2>/dev/null", "date -d nonsense 2>/dev/null", "date -d '12:00 2024-01-02' +%F%R", "date -u -d '2006-01-02T15:04:05+02:00' +%T",
	"stat -f -c '%i %l %s %S %t %T' / /proc", "stat -t n | wc -w", "stat --printf='%s\\n' n", "stat -c %N l n 'no newline'", "stat -c %w n | wc -c",
	"mkdir s; cp --parents d/e/n2 s && find s; cp --parents $PWD/n s | wc -l; cp --parents l/x s 2>/dev/null; rm -r s", "mkdir s; cp -b n s; cp -b t s/n; ls s; mv -b t s/n; ls s; mv s/n t; rm -r s", "cp -l n c && stat -c %h n; cp -fs n c && readlink c; rm c", "cp -v n c; cp -rv d d4; mv -v c c2; rm -r c2 d4", "cp -d l c && readlink c; rm c; cp -H l c; ls -F c; rm c", "cp --preserve=mode,timestamps n c && stat -c '%a %Y' c; rm c; cp -p --no-preserve=timestamps n c; rm c; cp --attributes-only n c; wc -c c; rm c; cp --preserve=nonsense n c 2>/dev/null", "cp -xr d d5; find d5; rm -r d5",
	"printf 'd\\nt\\n' > q; tar -T q -cf - | tar t; tar cf - -X q d n | tar t; rm q", "tar cJf a.txz d && tar tf a.txz; rm a.txz", "tar cf a.tar -C d e -C .. n; tar tf a.tar; rm a.tar", "tar cf - --owner=0 --group=x:5 d | tar tv --numeric-owner | tr -s ' ' | cut -d' ' -f2", "tar cf - --sort=name --mtime=@0 d | tar tv", "tar cPf - $PWD/n | tar tP | wc -l", "tar cf - --no-recursion d | tar t; tar cf - -h l | tar tv | cut -c1", "tar c t | wc -c", "tar cf a.tar d n; tar tf a.tar --exclude=d/e; tar tf a.tar --exclude='*2'; tar tf a.tar --wildcards 'd*'; tar xkf a.tar 2>/dev/null; rm a.tar",
	"xargs -i echo a{}b < n", "xargs -l echo < t", "xargs -s 30 echo < n", "xargs -E c echo < t", "xargs -e echo < t", "xargs -i{} echo x{} < t", "xargs sh -c 'echo $0 $@' -i < t",
	"df -h --output=size /; df -hT / | head -1; df -k / | head -1; df -BM / | head -1; df --block-size=1G / | head -1; df -PT / | head -1; df --total -h / | tail -1 | cut -c1-5; df -H / | wc -l; df -x tmpfs -x overlay | head -1 | cut -c1-14", "du --time d | wc -w", "du -0 d | od -c", "du -t 9K d; du -t -9K d", "du -BK d", "du -L d l", "du --si d", "du -S d", "du -l d", "du --inodes d", "du -sB1 d",
	"find . -xtype f | sort", "find . -xtype l", "find . -lname 't*'", "find . -ilname 'T*'", "find . -nouser -o -nogroup", "find . -regextype posix-extended -regex '.*/(n|t)' | sort",
	"ps -el | head -1", "ps -ely | head -1", "ps axjf | head -1", "ps l | head -1", "ps -F -p 1 | head -1", "ps aux | head -1", "ps -s 4999999 -o pid", "ps -p 1 -o f,uid,cls,rtprio,pri,ni", "sleep 9 & p=$!; until ps -o s= -p $p | grep T; do kill -STOP $p; done; kill -9 $p", "pgrep -g 4999999; pgrep -s 4999999; pgrep -t pts/999; pgrep -r Z nosuch",
	"true", "false", "sleep 0.01", "timeout 5 true", "timeout 0.1 sleep 5", "timeout 5 sh -c 'exit 3'", "yes | head -2", "nproc", "kill -0 $$", "kill -l 9", "env A=b printenv A",
	"ls -R . d t", "ls -laR d", "ls d nosuch t", "ls -R nosuch d", "find d/ nosuch", "find -L . -name n2", "find -H l d", "find . -depth -name '*2'", "find d -depth -mindepth 1", "find . -type l -printf '%p %l\\n' | sort", "find d -ls | wc -l", "find d -name e -prune -o -print", "find d -maxdepth 1 -empty", "mkdir q && find q -empty && rmdir q", "mkdir -p q/w && find q -delete && ls q", "find d -name n2 -print -quit",
	"du d d", "du d d/e", "du -c d t", "du -a .  | sort", "du -d1 .", "du -s d/ t l", "du -x d", "cd d && du -a", "du --max-depth=1 d", "du -ch d t | tail -1",
	"grep -r 10 | sort", "grep -rl 1 | sort", "grep -rc 1 d", "grep -R 10 d", "grep -r 10 l d", "grep -rn 10 d/", "grep -rh 10 d", "cd d && grep -rn 10", "grep -rs x nosuch d", "grep -R b . 2>/dev/null | sort", "mkdir q && ln -s . q/up && grep -R x q; rm -r q", "grep -r --exclude-dir=e 10 d", "grep -rL 10 d p | sort",
	"mkdir -p q w && echo 1 > q/f && echo 2 > w/f && diff -r q w; diff -rq q w; diff -ru q w | grep -v '^[-+][-+][-+]'; rm w/f; diff -r q w; diff -rN q w; mkdir w/f; diff -r q w; diff q w; rm -r q w", "mkdir -p q/a w; touch q/a/f; diff -rN q w; diff -rq q w; diff -r q w; rm -r q w", "mkdir q w; ln -s f q/f; diff -r q w; ln -s nosuch w/f; diff -r q w; rm -r q w", "mkdir q && ln -s . q/up && diff -r q q; rm -r q", "diff -s t t",
	"mkdir -p q/w && touch q/f && ln -s f q/l && cp -r q z && find z | sort && readlink z/l; cp -r q q/w; rm -r q/w/q; find q | sort; cp -rL q y; find y -type l; cp -r q z; find z | sort; rm -r q y z", "cp -r d/. q && find q | sort && rm -r q", "ln -s d dl && cp -r dl q && readlink q; cp -rL dl w && find w; chmod -R 750 dl && stat -c %a d; chmod -R 755 dl; rm -r dl q w", "cp d q", "cp broken q",
	"mkdir q && chmod 0 q && rm -r q && ls -d q", "mkdir -p q/w/e && rm -rv q/w/ | wc -l; rm -d q", "rm -r nosuch", "rm -rf nosuch", "rm d", "mkdir q; rm q/; rmdir q", "chmod -R nonsense d 2>/dev/null", "chmod 600 broken", "chmod -R 600 nosuch",
	"tar cf - . | tar tf - | sort", "tar cf - d/ | tar tf -", "cd d && tar cf - . | tar tf -", "tar cf - -C d e | tar tf -", "tar cf - --exclude=e d | tar tf -", "tar cf a.tar a.tar d && tar tf a.tar; rm a.tar", "tar cf - nosuch d 2>/dev/null | tar tf -", "ln n hard && tar cf - n hard | tar tvf - | grep -c 'link to'; rm hard",
	"tar cf a.tar d t && tar tf a.tar && mkdir x && tar xf a.tar -C x && ls -lR x && rm -r x a.tar", "tar czf a.tgz d && tar tzf a.tgz && rm a.tgz", "tar cf - d | tar tf -", "tar -cvf /dev/null d 2>&1", "tar cf - --exclude=n2 d | tar t", "tar cf - d | tar xOf - d/e/n2", "tar xf nosuch 2>/dev/null",
	"gzip -c n | gunzip -c", "gzip -k n && ls n.gz && zcat n.gz && rm n.gz", "cp n c && gzip c && ls c.gz && gunzip c.gz && cat c && rm c", "gzip -dc < n 2>/dev/null",
	"sleep 50 & kill $(jobs -p); wait $!; echo $?", "while :; do :; done & kill $(jobs -p); echo after", "sleep 50 & test $(jobs -p) = $! && kill $!",
	"set -e; false & wait; echo x", "set -e; false & wait $!; echo x", "set -e; (exit 3) & wait $! || echo $?", "set -u; (echo $nosuch) 2>/dev/null & wait $! || echo failed", "(${nosuch?}) 2>/dev/null & wait $! || echo failed", "exit 3 & wait $!; echo $?",
	"(while :; do sleep 0.1; done) & p=$!; sleep 0.4; kill $p; wait $p 2>/dev/null; echo $?", "(while :; do sleep 0.1; done) & kill $!; wait 2>/dev/null; echo $?", "sleep 9 & kill -0 $! && kill -s TERM $! && wait $! 2>/dev/null; echo $?",
	"eval 'sleep 0.1 &'; wait $!; echo $?", "eval '(exit 4) &'; wait $!; echo $?", "echo 'start() { sleep 9 & PID=$!; }' > lib.sh; . ./lib.sh; start; [ $PID = $! ] && kill $PID; wait $PID 2>/dev/null; echo $?; rm lib.sh",
	"sleep 9 & trap 'kill $!; wait $! 2>/dev/null; echo $?' EXIT; true", "(sleep 0.1 & wait; echo in) & wait; echo end", "(exit 3) & p=$!; (exit 4) & wait $p; echo $?; wait $!; echo $?", "wait 99999999 2>/dev/null; echo $?", "sleep 0.01 & p=$!; wait $p; kill $p 2>/dev/null || echo gone",
	"jq -r '.a[1].b' json", "dd if=n of=c bs=10 count=2 2>/dev/null; cat c; rm c", "which nosuch", "which ls nosuch | wc -l; which ls nosuch >/dev/null", "which", "which -a sh | wc -l >/dev/null", "tty", "sort nosuch", "seq 5 | tac", "printf 'a\\nb' | tac", "printf '\\n\\na\\n' | tac", "seq 30000 | tac | md5sum", "seq 30000 > q; tac q | md5sum; sort -c q; sort -cn q; rm q", "seq 30000 | tail -n 5", "seq 30000 | tail -n 29990 | head -1", "printf 'a\\nb' | tail -n1", "printf 'a\\n\\nb' | tail -n2", "seq 30000 | head -n -29998", "seq 30000 | head -c -168885", "head -c 100000 /dev/zero | base64 | md5sum", "seq 100 | base64 -w 7 | md5sum", "seq 9 | tail -n +8", "seq 9 | tail -c +15", "ps -o pid= -p 1", "ps -p 1 -o comm=", "pgrep -x nosuch", "env -u HOME printenv HOME", "nohup echo x 2>/dev/null", "free | head -1", "mount | grep ' / ' | cut -d' ' -f1-5", "df -P / | tail -1 | wc -w", "sync --data n",
}

// TestToolsAsTheMachinesOwn runs each command, and each line of testdata/tools, with the toolbox's tools only, and with the machine's programs, and
// compares what is printed and the status. Messages of errors differ, so that only the status counts.
func TestToolsAsTheMachinesOwn(t *testing.T) {
	bin := unpack(t)
	mine, theirs := fixture(t), fixture(t)
	home := []string{"HOME=/root", "LC_ALL=C", "TZ=UTC", "TERM=dumb"}
	more, err := os.ReadFile("testdata/tools")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range append(slices.Clone(same), strings.Split(strings.TrimSpace(string(more)), "\n")...) {
		tool := exec.Command(filepath.Join(bin, "sh"), "-c", command)
		tool.Dir, tool.Env = mine, append(slices.Clone(home), "PATH="+bin)
		// The shell's builtins are no programs.
		machine := exec.Command("/bin/bash", "-c", "enable -n echo printf test [ pwd kill true false; "+command)
		machine.Dir, machine.Env = theirs, append(slices.Clone(home), "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
		want := plain(run(t, machine), theirs)
		if strings.Contains(want, "command not found") {
			t.Logf("%s: the machine lacks a program", command)
			continue
		}
		got := plain(run(t, tool), mine)
		// What changes by itself, such as the day, may have changed in between.
		for again := ""; got != want; want, got = again, plain(run(t, tool), mine) {
			if again = plain(run(t, machine), theirs); again == want {
				t.Errorf("%s\ngot  %q\nwant %q", command, got, want)
				break
			}
		}
	}
}

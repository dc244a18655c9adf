# Runs a server for as long as standard input stays open: whoever holds the other end owns the server, and when that
# process ends, even by SIGKILL, the pipe closes and the server is killed; its data goes with it.
# Arguments: the file for the server's process id, the command.
pid_file=$1
shift
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
echo "$server" >"$pid_file"
(
  while read -r _; do :; done <&3
  kill -KILL "$server"
) 2>/dev/null &
watcher=$!
exec 3<&-
wait "$server"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"

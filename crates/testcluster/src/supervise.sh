# Runs a server for as long as standard input stays open: whoever holds the other end owns the server, and when that
# process ends, even by SIGKILL, the pipe closes and the server is stopped.
# Arguments: file for the server's process id, seconds between SIGTERM and SIGKILL (0: SIGKILL at once), the command.
pid_file=$1 grace=$2
shift 2
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
echo "$server" >"$pid_file"
(
  while read -r _; do :; done <&3
  if [ "$grace" -gt 0 ]; then
    kill -TERM "$server"
    while [ "$grace" -gt 0 ] && kill -0 "$server"; do
      sleep 1
      grace=$((grace - 1))
    done
  fi
  kill -KILL "$server"
) 2>/dev/null &
watcher=$!
exec 3<&-
wait "$server"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"

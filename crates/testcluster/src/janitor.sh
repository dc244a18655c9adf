# Removes a cluster's folder once standard input is closed, that is when its owner lets go of it or has died. After the
# word "keep" it removes only the database.
folder=$1
while read -r word; do
  [ "$word" = keep ] && folder=$1/etcd
done
# The servers get the same signal at the same moment, and one that is still writing makes rm fail.
tries=100
until rm -rf "$folder" 2>/dev/null && [ ! -e "$folder" ]; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || exit 1
  sleep 0.1
done

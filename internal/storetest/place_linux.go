package storetest

import "golang.org/x/sys/unix"

// memory says whether a folder is in memory, with a gibibyte free.
func memory(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && st.Type == unix.TMPFS_MAGIC && st.Bavail*uint64(st.Bsize) > 1<<30 && unix.Access(dir, unix.W_OK) == nil
}

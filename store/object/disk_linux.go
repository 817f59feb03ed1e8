package object

import (
	"math"

	"golang.org/x/sys/unix"
)

func (f osFile) startWriteback() {
	_ = unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE) // a hint: Sync reports what goes wrong
}

func (osDisk) free(path string) int64 {
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil {
		return math.MaxInt64
	}
	return int64(st.Bavail) * st.Bsize
}

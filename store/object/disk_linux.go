package object

import (
	"errors"
	"io"
	"math"
	"os"

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

func (osDisk) lock(path string) (io.Closer, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, errHeld
			}
			return nil, err
		}
		// A sweeper may have removed the file between open and lock: then the lock is on nothing.
		mine, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		if there, err := os.Stat(path); err == nil && os.SameFile(mine, there) {
			return f, nil
		}
		f.Close()
	}
}

//go:build unix

package cohort

import (
	"os"

	"golang.org/x/sys/unix"
)

const canMap = true

// mapFile maps n bytes of f for reading, shared with all processes that do. Bytes beyond the file's end may be looked at once it has grown
// over them, not before.
func mapFile(f *os.File, n int64) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, int(n), unix.PROT_READ, unix.MAP_SHARED)
}

func unmapFile(b []byte) { _ = unix.Munmap(b) }

// lockFile takes an advisory lock, for one holder or for many, waiting for it or failing at once. It is gone when the file is closed or the
// process ends.
func lockFile(f *os.File, one, now bool) error {
	how := unix.LOCK_SH
	if one {
		how = unix.LOCK_EX
	}
	if now {
		how |= unix.LOCK_NB
	}
	for {
		if err := unix.Flock(int(f.Fd()), how); err != unix.EINTR {
			return err
		}
	}
}

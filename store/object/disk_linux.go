package object

import (
	"fmt"
	"math"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

func (f osFile) startWriteback() {
	_ = unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE) // a hint: Sync reports what goes wrong
}

func (f osFile) direct(on bool) bool {
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil {
		return false
	}
	if flags &^= unix.O_DIRECT; on {
		flags |= unix.O_DIRECT
	}
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags)
	return err == nil
}

// bypasses are the file systems that write past the cache without a copy and without turning features off.
var bypasses = []int64{unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC}

func (osDisk) bypass(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && slices.Contains(bypasses, int64(st.Type))
}

func (osDisk) free(path string) int64 {
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil {
		return math.MaxInt64
	}
	return int64(st.Bavail) * st.Bsize
}

// wholeSyncs are the file systems whose syncfs is known to write all to the disk and to wait for it. On network and user-space ones
// it need not reach the server.
var wholeSyncs = []int64{unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC}

func (osDisk) whole(dir string) wholeSync {
	var st unix.Statfs_t
	if !syncfsReports() || unix.Statfs(dir, &st) != nil || !slices.Contains(wholeSyncs, int64(st.Type)) {
		return nil
	}
	// The descriptor stays open: syncfs reports the errors since its opening, each once.
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	return syncFS{f}
}

// syncfsReports says whether the kernel's syncfs reports failed writes: Linux 5.8 and later (man 2 syncfs).
func syncfsReports() bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major > 5 || major == 5 && minor >= 8
}

type syncFS struct{ *os.File }

func (s syncFS) Sync() error { return unix.Syncfs(int(s.Fd())) }

package batch

import (
	"io"

	"golang.org/x/sys/unix"
)

// output is a file that is being written under a name that nobody knows yet.
type output struct {
	fd   int
	name string
	n    int64 // bytes so far
	room int64 // bytes that were reserved
}

func createOutput(name string) (*output, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open(name, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR|unix.O_CLOEXEC, 0o644)
	})
	if err != nil {
		return nil, err
	}
	return &output{fd: fd, name: name}, nil
}

// reserve asks the file system for size bytes at once. It halves the price of writing them; file systems that can't are written to all the same, and one that
// is full says so again when it is written to.
func (o *output) reserve(size int64) {
	if size >= 64<<10 && unix.Fallocate(o.fd, 0, 0, size) == nil {
		o.room = size
	}
}

// Write implements [io.Writer].
func (o *output) Write(p []byte) (int, error) { return len(p), o.write(p) }

// write appends the parts, in one call where the kernel takes them.
func (o *output) write(parts ...[]byte) error {
	for {
		for len(parts) > 0 && len(parts[0]) == 0 {
			parts = parts[1:]
		}
		if len(parts) == 0 {
			return nil
		}
		n, err := retry(func() (int, error) { return unix.Pwritev(o.fd, parts, o.n) })
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrShortWrite
		}
		o.n += int64(n)
		for n > 0 {
			k := min(n, len(parts[0]))
			parts[0] = parts[0][k:]
			if n -= k; len(parts[0]) == 0 {
				parts = parts[1:]
			}
		}
	}
}

// patch writes p over what stands at off.
func (o *output) patch(p []byte, off int64) error {
	for len(p) > 0 {
		n, err := retry(func() (int, error) { return unix.Pwrite(o.fd, p, off) })
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrShortWrite
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// ReadAt implements [io.ReaderAt] on what was written.
func (o *output) ReadAt(p []byte, off int64) (int, error) { return preadFull(o.fd, p, off) }

// drop takes the file away.
func (o *output) drop() {
	unix.Close(o.fd)
	unix.Unlink(o.name)
}

// publish gives the file the name at which it is found.
func (o *output) publish(name string) error {
	if o.room > o.n { // what was reserved and not needed
		if err := unix.Ftruncate(o.fd, o.n); err != nil {
			o.drop()
			return err
		}
	}
	if err := unix.Close(o.fd); err != nil && err != unix.EINTR {
		unix.Unlink(o.name)
		return err
	}
	if err := unix.Rename(o.name, name); err != nil {
		unix.Unlink(o.name)
		return err
	}
	return nil
}

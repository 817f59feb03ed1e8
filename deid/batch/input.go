package batch

import (
	"io"

	"golang.org/x/sys/unix"
)

// frontSize is how much of a file is read at once when it is opened: the header of nearly every object, and the whole of a CT slice.
const frontSize = 1 << 20

// input is a file that is being read. Its first bytes are in memory: headers are read from there without copying (it is a [dicom.Lender]), and small files
// are read from the disk once.
type input struct {
	fd    int
	size  int64
	front []byte // of the worker; it stays as it is until the next object
}

// openInput opens the file at path and reads its beginning into front, which has frontSize bytes.
func openInput(path string, front []byte) (*input, error) {
	fd, err := retry(func() (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0) })
	if err != nil {
		return nil, err
	}
	in := &input{fd: fd}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = unix.EINVAL
	}
	if err == nil {
		in.size = st.Size
		var n int
		n, err = in.read(front[:min(in.size, int64(len(front)))], 0)
		if in.front = front[:n]; err == io.EOF {
			err = nil
		}
	}
	if err != nil {
		in.close()
		return nil, err
	}
	return in, nil
}

func (in *input) close() { unix.Close(in.fd) }

// read fills p from the disk, or says why it can't: io.EOF at the file's end.
func (in *input) read(p []byte, off int64) (n int, err error) { return preadFull(in.fd, p, off) }

// ReadAt implements [io.ReaderAt].
func (in *input) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, in.Lend(off, int64(len(p))))
	if n == len(p) {
		return n, nil
	}
	m, err := in.read(p[n:], off+int64(n))
	return n + m, err
}

// Lend implements [dicom.Lender].
func (in *input) Lend(off, n int64) []byte {
	if off < 0 || off >= int64(len(in.front)) {
		return nil
	}
	return in.front[off:min(off+n, int64(len(in.front)))]
}

func preadFull(fd int, p []byte, off int64) (n int, err error) {
	for n < len(p) {
		m, err := retry(func() (int, error) { return unix.Pread(fd, p[n:], off+int64(n)) })
		if err != nil {
			return n, err
		}
		if m == 0 {
			return n, io.EOF
		}
		n += m
	}
	return n, nil
}

// retry calls f until no signal breaks it off.
func retry(f func() (int, error)) (int, error) {
	for {
		if n, err := f(); err != unix.EINTR {
			return n, err
		}
	}
}

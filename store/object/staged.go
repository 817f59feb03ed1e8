package object

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
)

// stagedFile is a content on its way into a folder. It gathers in a block; what does not fit into one goes to a temporary block by
// block, past the system's cache where the file system is known to do that well. Without a block everything goes straight to the
// temporary.
type stagedFile struct {
	files *files
	size  int64 // bytes of content taken in

	block []byte // what comes next lies here; nil: there is none (any more)
	fill  int    // bytes in block
	asked bool   // for a block

	f         diskFile // the temporary; nil: all is in block
	path      string
	direct    bool // writes go past the cache
	sinceLook int64
	published bool
}

func (f *files) stage(context.Context) (staged, error) {
	if err := f.checkReserve(0); err != nil {
		return nil, err
	}
	return &stagedFile{files: f, path: filepath.Join(f.dir, tmpFolder, f.id+"-"+randomName())}, nil
}

// room is where the next bytes may be put, to be confirmed with grew; nil: they must be written.
func (s *stagedFile) room() []byte {
	if !s.asked {
		s.asked, s.block = true, takeBlock()
	}
	if s.block == nil {
		return nil
	}
	return s.block[s.fill:]
}

// grew takes in n bytes that were put into room.
func (s *stagedFile) grew(n int) error {
	if err := s.look(n); err != nil {
		return err
	}
	s.fill += n
	s.size += int64(n)
	if s.fill == len(s.block) {
		return s.flush()
	}
	return nil
}

// expect refuses what would touch the disk's reserve.
func (s *stagedFile) expect(n int64) error { return s.files.checkReserve(n) }

// look sees now and then whether the disk's reserve is touched.
func (s *stagedFile) look(coming int) error {
	if s.sinceLook += int64(coming); s.sinceLook < reserveStep {
		return nil
	}
	s.sinceLook = 0
	return s.files.checkReserve(int64(coming))
}

func (s *stagedFile) Write(p []byte) (n int, err error) {
	for n < len(p) {
		room := s.room()
		if room == nil {
			if err := errors.Join(s.look(len(p)-n), s.begin()); err != nil {
				return n, err
			}
			k, err := s.f.Write(p[n:])
			s.size += int64(k)
			return n + k, err
		}
		k := copy(room, p[n:])
		if err := s.grew(k); err != nil {
			return n, err
		}
		n += k
	}
	return n, nil
}

// begin makes the temporary.
func (s *stagedFile) begin() (err error) {
	if s.f != nil {
		return nil
	}
	s.f, err = s.files.disk.create(s.path)
	if err == nil {
		s.direct = s.block != nil && s.files.bypass && s.f.direct(true)
	}
	return err
}

// flush moves what is in the block to the temporary. Only the last flush of a content may move less than a whole block.
func (s *stagedFile) flush() error {
	if err := s.begin(); err != nil {
		return err
	}
	part := s.block[:s.fill]
	if s.direct {
		part = s.block[:(s.fill+blockAlign-1)&^(blockAlign-1)]
		clear(part[s.fill:])
		if _, err := s.f.Write(part); errors.Is(err, syscall.EINVAL) { // a disk of larger sectors: nothing was written
			s.f.direct(false)
			s.direct, part = false, s.block[:s.fill]
		} else if err != nil {
			return err
		}
	}
	if !s.direct {
		if _, err := s.f.Write(part); err != nil {
			return err
		}
	} else if len(part) != s.fill {
		if err := s.f.Truncate(s.size); err != nil {
			return err
		}
	}
	s.fill = 0
	return nil
}

// finish ends the content: from here on it is read, in memory if all of it is still there.
func (s *stagedFile) finish() error {
	if s.f == nil {
		return nil
	}
	return s.settle()
}

// settle brings everything into the temporary, which is then read as any file.
func (s *stagedFile) settle() error {
	if s.f == nil || s.fill > 0 {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if s.direct && !s.f.direct(false) {
		return errors.New("the file system does not let go of direct access")
	}
	s.release()
	return nil
}

func (s *stagedFile) release() {
	if s.block != nil {
		returnBlock(s.block)
		s.block, s.fill = nil, 0
	}
	s.asked = true
}

func (s *stagedFile) ReadAt(p []byte, off int64) (int, error) {
	if s.f != nil {
		return s.f.ReadAt(p, off)
	}
	if off >= s.size {
		return 0, io.EOF
	}
	n := copy(p, s.block[off:s.fill])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (s *stagedFile) publish(ctx context.Context, name string) error {
	if s.published {
		return s.again(ctx, name)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.settle(); err != nil {
		return err
	}
	if !s.direct {
		s.f.startWriteback()
	}
	err := s.files.group.publish(ctx, s.f, s.path, s.files.path(name))
	if err == nil {
		s.published = true
	}
	return err
}

// again publishes bytes whose name was taken away since they were published: the open file still has them.
func (s *stagedFile) again(ctx context.Context, name string) error {
	copied, err := s.files.stage(ctx)
	if err != nil {
		return err
	}
	_, err = io.Copy(struct{ io.Writer }{copied}, io.NewSectionReader(s.f, 0, s.size))
	if err == nil {
		err = copied.publish(ctx, name)
	}
	return errors.Join(err, copied.discard())
}

func (s *stagedFile) discard() error {
	s.release()
	if s.f == nil {
		return nil
	}
	err := s.f.Close()
	if !s.published {
		if rerr := s.files.disk.remove(s.path); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}
	return err
}

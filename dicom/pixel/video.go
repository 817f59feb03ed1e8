package pixel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// videoTimeout ends a decoder that hangs on one frame.
const videoTimeout = 2 * time.Minute

// videoFrame decodes frame i of a video stream as RGB. It decodes all frames before it: use [Image.EachVideo] for more than one.
func (im *Image) videoFrame(i int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), videoTimeout)
	defer cancel()
	var found []byte
	errFound := errors.New("found")
	err := im.EachVideo(ctx, func(k int, b []byte) error {
		if k < i {
			return nil
		}
		found = bytes.Clone(b)
		return errFound
	})
	if errors.Is(err, errFound) {
		return found, nil
	}
	if err == nil {
		err = fault.New(fault.Input, "the stream has no such frame")
	}
	return nil, err
}

// EachVideo decodes the frames of MPEG-2, H.264 or HEVC pixel data with an ffmpeg child process, as RGB, and hands them to fn in order. The slice is
// used again for the next frame. Without ffmpeg it is a fault.Missing error.
func (im *Image) EachVideo(ctx context.Context, fn func(i int, b []byte) error) error {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		return fault.New(fault.Missing, "%s needs ffmpeg", im.TransferSyntax.Name()).WithHint("apt-get install ffmpeg")
	}
	size := int64(im.Rows) * int64(im.Columns) * 3
	if size > im.maxBytes {
		return fault.New(fault.Resource, "a frame has %d bytes, more than the limit of %d", size, im.maxBytes)
	}
	// Containers keep their index at the end: ffmpeg needs a file that it can seek in.
	tmp, err := os.CreateTemp("", "cineloop-video-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	frags := im.elem.Fragments()
	for i := range frags.Len() {
		b, err := frags.Read(i)
		if err != nil {
			return err
		}
		if _, err := tmp.Write(b); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var diag bytes.Buffer
	cmd := exec.CommandContext(ctx, ffmpeg, "-nostdin", "-v", "error", "-threads", "1", "-i", tmp.Name(),
		"-f", "rawvideo", "-pix_fmt", "rgb24", "-vf", fmt.Sprintf("scale=%d:%d:flags=bicubic", im.Columns, im.Rows), "-fps_mode", "passthrough", "pipe:1")
	cmd.Stderr = &limited{w: &diag, left: 4096}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var ferr error
	frame := make([]byte, size)
	for i := 0; ; i++ {
		if _, rerr := io.ReadFull(out, frame); rerr != nil {
			if rerr == io.ErrUnexpectedEOF {
				ferr = fault.New(fault.Input, "ffmpeg stopped inside frame %d", i)
			}
			break
		}
		if ferr = fn(i, frame); ferr != nil {
			break
		}
	}
	cancelled := ctx.Err()
	if ferr != nil {
		cancel()
	}
	werr := cmd.Wait()
	switch {
	case ferr != nil:
		return ferr
	case cancelled != nil:
		return cancelled
	case werr != nil:
		return fault.New(fault.Input, "ffmpeg: %s", strings.TrimSpace(strings.ReplaceAll(diag.String(), tmp.Name(), "stream")))
	}
	return nil
}

// limited keeps the beginning of what is written to it.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	if _, err := l.w.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}

package pixel

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/cineloop/cineloop/dicom/pixel/internal/child"
	"github.com/cineloop/cineloop/internal/fault"
)

// VideoHint names what to install for MPEG-2, H.264 and HEVC.
const VideoHint = "apt-get install ffmpeg"

// findVideo is the path of ffmpeg, or a fault.Missing error.
func findVideo() (string, error) {
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		return "", fault.New(fault.Missing, "MPEG-2, H.264 and HEVC need ffmpeg").WithHint(VideoHint)
	}
	return path, nil
}

// videoFrame decodes frame i of a video stream. It decodes all frames before it: use [Image.EachFrame] for more than one.
func (im *Image) videoFrame(i int) ([]byte, error) {
	var found []byte
	errFound := errors.New("found")
	err := im.eachVideo(context.Background(), im.storedPicture(), func(k int, b []byte) error {
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

// EachVideo decodes the frames of MPEG-2, H.264 or HEVC pixel data with an ffmpeg child process, as 8-bit RGB, and hands them to fn in order.
// ffmpeg's conversion from YCbCr is exact in its rounding and the same on every processor; the matrix is what the stream says, Rec. 601
// where it says nothing. The slice is used again for the next frame. A stream of another size than the header's is an error, and
// so, at its end, are fewer frames than it promises; more are not handed over. Without ffmpeg it is a fault.Missing error.
func (im *Image) EachVideo(ctx context.Context, fn func(i int, b []byte) error) error {
	return im.eachVideo(ctx, picture{3, 8, 8}, fn)
}

// picture is what frames of a video are asked for as: RGB or grey, in cells of 8 or 16 bits.
type picture struct{ samples, allocated, stored int }

func (p picture) bytes() int { return p.samples * p.allocated / 8 }

// stored is the picture that the header describes: what Frame gives.
func (im *Image) storedPicture() picture { return picture{im.Samples, im.BitsAllocated, im.BitsStored} }

func (im *Image) eachVideo(ctx context.Context, p picture, fn func(i int, b []byte) error) error {
	path, err := findVideo()
	if err != nil {
		return err
	}
	if p.samples != 1 && p.samples != 3 || p.allocated != 8 && p.allocated != 16 {
		return fault.New(fault.Input, "video with %d samples per pixel of %d bits", p.samples, p.allocated)
	}
	size := int64(im.Rows) * int64(im.Columns) * int64(p.bytes())
	if size > im.maxBytes {
		return fault.New(fault.Resource, "a frame has %d bytes, more than the limit of %d", size, im.maxBytes)
	}
	stream, err := im.videoStream()
	if err != nil {
		return err
	}
	defer os.Remove(stream)
	// A quarter of a second for each frame, and a minute to begin: ffmpeg decodes hundreds a second.
	span := time.Minute + time.Duration(im.Frames)*time.Second/4
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	format := map[[2]int]string{{3, 8}: "rgb24", {3, 16}: "rgb48be", {1, 8}: "gray", {1, 16}: "gray16be"}[[2]int{p.samples, p.allocated}]
	coder := map[int]string{3: "ppm", 1: "pgm"}[p.samples]
	cmd := child.Command(ctx, child.Limits{Memory: 1<<30 + 64*size, CPU: span}, path,
		"-nostdin", "-v", "error", "-threads", "1", "-i", stream, "-map", "0:v:0", "-sws_flags", "bicubic+accurate_rnd+full_chroma_int+bitexact",
		"-f", "image2pipe", "-c:v", coder, "-pix_fmt", format, "-fps_mode", "passthrough", "pipe:1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fault.New(fault.Missing, "ffmpeg: %w", err)
	}
	n, ferr := im.readPictures(bufio.NewReaderSize(out, 1<<16), p, fn)
	cancelled := ctx.Err()
	cancel() // after the last frame that is wanted there may be more
	_ = cmd.Wait()
	switch {
	case cancelled == context.DeadlineExceeded:
		return fault.New(fault.Input, "ffmpeg took too long and was stopped")
	case cancelled != nil:
		return cancelled
	case ferr != nil:
		return ferr
	case n < im.Frames:
		if why := child.Diagnosis(cmd, stream); why != "" {
			return fault.New(fault.Input, "the stream has %d frames of %d: ffmpeg: %s", n, im.Frames, why)
		}
		return fault.New(fault.Input, "the stream has %d frames of %d", n, im.Frames)
	}
	return nil
}

// videoStream writes the stream to a temporary file: containers keep their index at the end, and ffmpeg needs to seek in it.
func (im *Image) videoStream() (string, error) {
	tmp, err := os.CreateTemp("", "cineloop-video-*")
	if err != nil {
		return "", fault.New(fault.Resource, "a file for ffmpeg: %w", err)
	}
	defer tmp.Close()
	frags := im.elem.Fragments()
	for i := range frags.Len() {
		b, err := frags.Read(i)
		if err == nil {
			if _, err = tmp.Write(b); err != nil {
				err = fault.New(fault.Resource, "a file for ffmpeg: %w", err)
			}
		}
		if err != nil {
			os.Remove(tmp.Name())
			return "", err
		}
	}
	return tmp.Name(), nil
}

// readPictures reads portable pixmaps until the last frame of the header, or the end of r, and reports how many there were.
func (im *Image) readPictures(r *bufio.Reader, p picture, fn func(i int, b []byte) error) (int, error) {
	frame := make([]byte, im.Rows*im.Columns*p.bytes())
	for i := range im.Frames {
		kind, width, height, most, err := pictureHeader(r)
		switch {
		case errors.Is(err, io.EOF):
			return i, nil
		case err != nil:
			return i, fault.New(fault.Input, "ffmpeg made something else than pictures")
		}
		if width != im.Columns || height != im.Rows {
			return i, fault.New(fault.Input, "the video is %d × %d, the header says %d × %d", height, width, im.Rows, im.Columns)
		}
		if kind != map[int]string{3: "P6", 1: "P5"}[p.samples] || most > 255 != (p.allocated == 16) {
			return i, fault.New(fault.Input, "ffmpeg made pictures of another kind")
		}
		if _, err := io.ReadFull(r, frame); err != nil {
			return i, fault.New(fault.Input, "ffmpeg stopped inside frame %d", i)
		}
		if p.allocated == 16 { // big endian, spread over 16 bits
			shift := 16 - min(p.stored, 16)
			for k := 0; k < len(frame); k += 2 {
				v := (uint16(frame[k])<<8 | uint16(frame[k+1])) >> shift
				frame[k], frame[k+1] = byte(v), byte(v>>8)
			}
		}
		if err := fn(i, frame); err != nil {
			return i, err
		}
	}
	return im.Frames, nil
}

// pictureHeader reads the three lines in front of a portable pixmap's samples, as ffmpeg writes them.
func pictureHeader(r *bufio.Reader) (kind string, width, height, most int, err error) {
	var lines [3]string
	for i := range lines {
		b, err := r.ReadSlice('\n')
		if err != nil {
			return "", 0, 0, 0, err
		}
		lines[i] = strings.TrimSpace(string(b))
	}
	if _, err := fmt.Sscanf(lines[1]+" "+lines[2], "%d %d %d", &width, &height, &most); err != nil {
		return "", 0, 0, 0, errors.New("not a picture")
	}
	return lines[0], width, height, most, nil
}

package clip

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// Video that is not motion JPEG goes through an ffmpeg child process. $CINELOOP_FFMPEG names another program than the first ffmpeg
// of $PATH; ffprobe is looked for beside it.

// videoFormats are the containers that ffmpeg may read. Playlists are not among them: they make it open other files and addresses.
const videoFormats = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,m4v,h264,hevc,asf,flv,ogg,gif,apng,nut,ivf,mjpeg,mxf,dv,av1,obu,bmp_pipe,tiff_pipe,webp_pipe,png_pipe,jpeg_pipe,jpegxl_pipe,image2"

const ffmpegHint = "install it (apt install ffmpeg), or convert the file to motion-JPEG AVI"

// findFFmpeg gives the paths of ffmpeg and ffprobe.
func findFFmpeg() (ffmpeg, ffprobe string, err error) {
	ffmpeg = os.Getenv("CINELOOP_FFMPEG")
	if ffmpeg == "" {
		if ffmpeg, err = exec.LookPath("ffmpeg"); err != nil {
			return "", "", fault.New(fault.Missing, "this video format needs ffmpeg, which was not found on PATH").WithHint(ffmpegHint)
		}
	} else if _, err := os.Stat(ffmpeg); err != nil {
		return "", "", fault.New(fault.Missing, "CINELOOP_FFMPEG names %s, which is not there", ffmpeg).WithHint(ffmpegHint)
	}
	ffprobe = filepath.Join(filepath.Dir(ffmpeg), "ffprobe")
	if _, err := os.Stat(ffprobe); err != nil {
		if ffprobe, err = exec.LookPath("ffprobe"); err != nil {
			return "", "", fault.New(fault.Missing, "this video format needs ffprobe, which was not found beside %s or on PATH", ffmpeg).WithHint(ffmpegHint)
		}
	}
	return ffmpeg, ffprobe, nil
}

// videoInfo is what ffprobe says of the first video stream.
type videoInfo struct {
	Streams []struct {
		Codec  string `json:"codec_name"`
		Width  int    `json:"width"`
		Height int    `json:"height"`
		PixFmt string `json:"pix_fmt"`
		Rate   string `json:"avg_frame_rate"`
	} `json:"streams"`
	Packets []struct {
		PTS string `json:"pts_time"`
	} `json:"packets"`
	Format struct {
		Name string `json:"format_name"`
	} `json:"format"`
}

// openVideo decodes the first video stream of any container that ffmpeg knows, at the container's own frame times.
func openVideo(file string, cfg *readConfig) (*Clip, error) {
	ffmpeg, ffprobe, err := findFFmpeg()
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	input := []string{"-protocol_whitelist", "file", "-format_whitelist", videoFormats, "-i", "file:" + abs}
	info, err := probeVideo(cfg.ctx, ffprobe, input)
	if err != nil {
		return nil, err
	}
	st := info.Streams[0]
	deep := strings.Contains(st.PixFmt, "gray1") // gray10le … gray16be
	grey := strings.HasPrefix(st.PixFmt, "gray")
	pix, dt, ch := "rgb24", Uint8, 3
	switch {
	case deep:
		pix, dt, ch = "gray16be", Uint16, 1
	case grey:
		pix, ch = "gray", 1
	}
	if err := cfg.checkSize(dt, max(1, len(info.Packets)), max(1, st.Height), max(1, st.Width), ch); err != nil {
		return nil, err
	}
	c, err := runFFmpeg(cfg, ffmpeg, input, pix)
	if err != nil {
		return nil, err
	}
	c.TimesMS = info.times(c.T)
	if c.C == 3 {
		if c = withoutColour(c); c.C == 3 {
			c = nearlyGrey(c)
		}
	}
	c.Source.Format = formatVideo
	if c.TimesMS == nil && c.T > 1 {
		c.Source.Notes = append(c.Source.Notes, "the container gives no frame times")
	}
	c.Source.Notes = append(c.Source.Notes, fmt.Sprintf("decoded by ffmpeg: %s, %s", firstOf(info.Format.Name), st.Codec))
	if c.Source.Digest, err = cfg.digest(file); err != nil {
		return nil, err
	}
	return c, nil
}

func firstOf(list string) string {
	name, _, _ := strings.Cut(list, ",")
	return name
}

func probeVideo(ctx context.Context, ffprobe string, input []string) (*videoInfo, error) {
	args := append([]string{"-v", "error", "-select_streams", "v:0", "-of", "json",
		"-show_entries", "stream=codec_name,width,height,pix_fmt,avg_frame_rate:packet=pts_time:format=format_name"}, input...)
	out, err := runTool(ctx, ffprobe, args, nil)
	if err != nil {
		return nil, err
	}
	var info videoInfo
	if err := json.Unmarshal(out, &info); err != nil {
		return nil, inputf("ffprobe's answer: %w", err)
	}
	if len(info.Streams) == 0 {
		return nil, inputf("no image or video in the file that any reader knows").
			WithHint("readable are DICOM, NIfTI, AVI, MP4 and other video, PNG, JPEG, npy and npz")
	}
	return &info, nil
}

// runTool runs a child process to its end and gives its output; its own last words become the error.
func runTool(ctx context.Context, name string, args []string, read func(io.Reader) error) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr, stdout bytes.Buffer
	cmd.Stderr = &limitedBuffer{buf: &stderr, max: 1 << 16}
	if read == nil {
		cmd.Stdout = &stdout
		err := cmd.Run()
		return stdout.Bytes(), toolError(ctx, name, err, stderr.String())
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fault.New(fault.Missing, "starting %s: %w", filepath.Base(name), err).WithHint(ffmpegHint)
	}
	readErr := read(pipe)
	if readErr != nil {
		cancel()
		cmd.Wait()
		return nil, readErr
	}
	return nil, toolError(ctx, name, cmd.Wait(), stderr.String())
}

func toolError(ctx context.Context, name string, err error, stderr string) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fault.New(fault.Missing, "starting %s: %w", filepath.Base(name), err).WithHint(ffmpegHint)
	}
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	last := lines[len(lines)-1]
	if i := strings.Index(last, "file:"); i >= 0 { // "file:/long/path: message": the path is in the caller's message already
		if j := strings.LastIndex(last, ": "); j > i {
			last = last[j+2:]
		}
	}
	return inputf("%s cannot read it: %s", filepath.Base(name), last).WithHint("play the file in a video player; if that fails too, export it again")
}

// limitedBuffer keeps the first max bytes and swallows the rest, so that a chatty child cannot fill memory.
type limitedBuffer struct {
	buf *bytes.Buffer
	max int
}

func (l *limitedBuffer) Write(p []byte) (int, error) {
	if room := l.max - l.buf.Len(); room > 0 {
		l.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// runFFmpeg decodes to a stream of PAM images, whose headers give the true size of each frame (after rotation by metadata).
func runFFmpeg(cfg *readConfig, ffmpeg string, input []string, pix string) (*Clip, error) {
	decode := func(passthrough ...string) (*Clip, error) {
		args := append([]string{"-v", "error", "-nostdin", "-threads", strconv.Itoa(cfg.workers)}, input...)
		args = append(args, "-map", "0:v:0")
		args = append(args, passthrough...)
		args = append(args, "-f", "image2pipe", "-c:v", "pam", "-pix_fmt", pix, "-")
		var frames []*Clip
		total := int64(0)
		_, err := runTool(cfg.ctx, ffmpeg, args, func(r io.Reader) error {
			br := bufio.NewReaderSize(r, 1<<20)
			for {
				f, err := readPAM(br, cfg.maxBytes-total)
				if err == io.EOF {
					return nil
				}
				if err != nil {
					return err
				}
				if len(frames) > 0 && (f.H != frames[0].H || f.W != frames[0].W) {
					return inputf("frame %d is %d×%d, the first one %d×%d", len(frames), f.W, f.H, frames[0].W, frames[0].H)
				}
				total += int64(len(f.Data))
				frames = append(frames, f)
			}
		})
		if err != nil {
			return nil, err
		}
		if len(frames) == 0 {
			return nil, inputf("ffmpeg decoded no frames")
		}
		return joinFrames(frames), nil
	}
	c, err := decode("-fps_mode", "passthrough")
	if err != nil && strings.Contains(err.Error(), "fps_mode") { // before ffmpeg 5.1
		return decode("-vsync", "passthrough")
	}
	return c, err
}

// joinFrames makes one clip of single frames of one shape and type.
func joinFrames(frames []*Clip) *Clip {
	f := frames[0]
	c := New(f.DType, len(frames), f.H, f.W, f.C)
	c.Photometric = f.Photometric
	for i := range frames {
		copy(c.Frame(i), frames[i].Data)
	}
	return c
}

// readPAM reads one image of the Netpbm PAM format; io.EOF before its first byte ends the stream.
func readPAM(r *bufio.Reader, room int64) (*Clip, error) {
	var w, h, depth, maxval int
	for n := 0; ; n++ {
		line, err := r.ReadString('\n')
		if err == io.EOF && line == "" && n == 0 {
			return nil, io.EOF
		}
		if err != nil || n > 32 {
			return nil, inputf("ffmpeg's output ends inside a frame header")
		}
		f := strings.Fields(line)
		if len(f) == 1 && f[0] == "ENDHDR" {
			break
		}
		if len(f) == 2 {
			v, _ := strconv.Atoi(f[1])
			switch f[0] {
			case "WIDTH":
				w = v
			case "HEIGHT":
				h = v
			case "DEPTH":
				depth = v
			case "MAXVAL":
				maxval = v
			}
		}
	}
	dt := Uint8
	if maxval > 255 {
		dt = Uint16
	}
	n, err := checkedLen(dt, h, w, depth)
	if err != nil {
		return nil, inputf("ffmpeg's frame: %w", err)
	}
	if int64(n) > room {
		return nil, fault.New(fault.Resource, "the video decodes to more than the limit").WithHint("cut it, or raise the limit")
	}
	c := New(dt, 1, h, w, depth)
	if _, err := io.ReadFull(r, c.Data); err != nil {
		return nil, inputf("ffmpeg's output ends inside a frame")
	}
	if dt == Uint16 && !nativeBig {
		swapBytes(c.Data, 2)
	}
	return c, nil
}

// times is n frame times from the packets' presentation times, or from the mean rate where packets and frames do not match.
func (v *videoInfo) times(n int) []float64 {
	var pts []float64
	for _, p := range v.Packets {
		if t, err := strconv.ParseFloat(p.PTS, 64); err == nil && !math.IsInf(t, 0) && t == t {
			pts = append(pts, t)
		}
	}
	sort.Float64s(pts)
	if len(pts) == n && len(slices.Compact(slices.Clone(pts))) == n {
		out := make([]float64, n)
		for i, t := range pts {
			out[i] = math.Round((t-pts[0])*1e9) / 1e6
		}
		return out
	}
	num, den, ok := strings.Cut(v.Streams[0].Rate, "/")
	a, err1 := strconv.ParseFloat(num, 64)
	b, err2 := strconv.ParseFloat(den, 64)
	if ok && err1 == nil && err2 == nil && a > 0 && b > 0 && n > 1 {
		return evenTimes(n, 1000*b/a)
	}
	return nil
}

// nearlyGrey drops the colour of an RGB clip when no sample's channels differ by more than lossy coding makes of grey.
func nearlyGrey(c *Clip) *Clip {
	for i := 0; i < len(c.Data); i += 3 {
		r, g, b := int(c.Data[i]), int(c.Data[i+1]), int(c.Data[i+2])
		if max(r, g, b)-min(r, g, b) > 2*neutralChroma {
			return c
		}
	}
	out := New(Uint8, c.T, c.H, c.W, 1)
	lumaBytes(out.Data, c.Data, 3)
	out.TimesMS, out.Source = c.TimesMS, c.Source
	out.Source.Notes = append(out.Source.Notes, "stored as colour without any; read as grey")
	return out
}

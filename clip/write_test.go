package clip

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// What Save writes, Open reads back: samples, type, and what of times, spacing and place the format can hold.
func TestSaveOpen(t *testing.T) {
	dir := t.TempDir()
	for _, dt := range []DType{Uint8, Int8, Uint16, Int16, Int32, Float32, Float64} {
		for _, name := range []string{"a.npy", "a.npz", "a.nii", "a.nii.gz"} {
			want := rampClip(dt, 3, 8, 7, 1)
			want.Spacing = Spacing{Slice: 2.5, Row: 0.75, Column: 0.5}
			want.Affine = &Affine{{0.5, 0, 0, -3}, {0, 0.75, 0, 4}, {0, 0, 2.5, 5}}
			path := filepath.Join(dir, name)
			if err := Save(path, want); err != nil {
				t.Fatal(err)
			}
			got, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if got.DType != dt || got.T != 3 || got.H != 8 || got.W != 7 || !bytes.Equal(got.Data, want.Data) {
				t.Errorf("%s %v: [%d %d %d] %v", name, dt, got.T, got.H, got.W, got.DType)
			}
			if strings.HasPrefix(name, "a.nii") && (got.Spacing != want.Spacing || *got.Affine != *want.Affine) {
				t.Errorf("%s: spacing %v, affine %v", name, got.Spacing, got.Affine)
			}
		}
	}
	cine := smoothClip(5, 8, 8)
	mask := rampClip(Uint8, 1, 8, 8, 1)
	mask.Photometric = Mask
	for _, c := range []*Clip{cine, mask} {
		path := filepath.Join(dir, "b.nii.gz")
		if err := Save(path, c); err != nil {
			t.Fatal(err)
		}
		got, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "times", got.TimesMS, c.TimesMS, 1e-3)
		if got.Photometric != c.Photometric {
			t.Errorf("%s came back as %s", c.Photometric, got.Photometric)
		}
	}
	for _, dt := range []DType{Uint8, Uint16} {
		for _, ch := range []int{1, 3} {
			want := rampClip(dt, 1, 8, 7, ch)
			path := filepath.Join(dir, "c.png")
			if err := Save(path, want); err != nil {
				t.Fatal(err)
			}
			got, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if got.DType != dt || got.C != ch || !bytes.Equal(got.Data, want.Data) {
				t.Errorf("PNG of %d×%v: %d×%v", ch, dt, got.C, got.DType)
			}
		}
	}
}

func TestSaveErrors(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]*Clip{
		"a.mp4": smoothClip(1, 4, 4),
		"a.png": smoothClip(2, 4, 4),
		"b.png": rampClip(Float32, 1, 4, 4, 1),
		"a.avi": rampClip(Int16, 2, 4, 4, 1),
		"a.nii": rampClip(Int16, 2, 4, 4, 3),
	} {
		path := filepath.Join(dir, name)
		if err := Save(path, c); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s was left behind", name)
		}
	}
}

// Equal clips give equal bytes in every format.
func TestSaveIsDeterministic(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.npy", "a.npz", "a.nii.gz", "a.avi"} {
		var first []byte
		for range 2 {
			path := filepath.Join(dir, name)
			if err := Save(path, smoothClip(3, 16, 16)); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if first != nil && !bytes.Equal(first, b) {
				t.Errorf("%s differs between two writings", name)
			}
			first = b
		}
	}
}

// An MP4 of uneven frame times, made by ffmpeg, comes back with its times; its pictures to the codec's error.
func TestVideo(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not installed")
	}
	dir := t.TempDir()
	src := filepath.Join(dir, "src.avi")
	want := smoothClip(8, 64, 96)
	if err := Save(src, want); err != nil {
		t.Fatal(err)
	}
	mp4 := filepath.Join(dir, "a #1.mp4")
	// Frames 3 and later are 200 ms late.
	out, err := exec.Command(ffmpeg, "-v", "error", "-y", "-i", src, "-vf", `setpts=PTS+gte(N\,3)*0.2/TB`, "-vsync", "passthrough",
		"-c:v", "mpeg4", "-q:v", "1", "-pix_fmt", "yuv420p", mp4).CombinedOutput()
	if err != nil {
		t.Skipf("this ffmpeg makes no MPEG-4: %s", out)
	}
	c, err := Open(mp4)
	if err != nil {
		t.Fatal(err)
	}
	if c.T != 8 || c.H != 64 || c.W != 96 || c.C != 1 || c.Source.Format != "video" {
		t.Fatalf("[%d %d %d %d] %s", c.T, c.H, c.W, c.C, c.Source.Format)
	}
	near(t, "times", c.TimesMS, []float64{0, 40, 80, 320, 360, 400, 440, 480}, 0.5)
	var worst float64
	v, w := values(c), values(want)
	for i := range v {
		worst += math.Abs(v[i] - w[i])
	}
	if mean := worst / float64(len(v)); mean > 4 {
		t.Errorf("the pictures differ by %v levels on average", mean)
	}
	if _, err := Open(mp4, MaxBytes(10000)); fault.CodeOf(err) != fault.Resource {
		t.Errorf("over the limit: %v", err)
	}
}

// A file that is no video gets ffmpeg's own reason; a playlist is refused although ffmpeg could follow it.
func TestVideoErrors(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	dir := t.TempDir()
	clip := filepath.Join(dir, "real.avi")
	if err := Save(clip, smoothClip(2, 16, 16)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"notes.txt":     "no video at all",
		"list.ffconcat": "ffconcat version 1.0\nfile real.avi\n",
		"list.m3u8":     "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\nreal.avi\n#EXT-X-ENDLIST\n",
	} {
		_, err := Open(write(t, dir, name, []byte(text)))
		if fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFFmpegIsMissing(t *testing.T) {
	path := write(t, t.TempDir(), "a.mp4", []byte("\x00\x00\x00\x18ftypisom and so on"))
	t.Setenv("CINELOOP_FFMPEG", "/nowhere/ffmpeg")
	_, err := Open(path)
	if fault.CodeOf(err) != fault.Missing || !strings.Contains(err.Error(), "/nowhere/ffmpeg") || !strings.Contains(err.Error(), "apt install ffmpeg") {
		t.Errorf("%v", err)
	}
}

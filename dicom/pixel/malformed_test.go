package pixel

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

// Bounds on what any file, however malformed, may take: a process of its own is measured.
const (
	mostMemory = 256 << 20
	mostCPU    = 5 * time.Second
	hangs      = 2 * time.Minute // of a machine with much else to do
)

// exercise does with a file all that this package offers, and says what came of it.
func exercise(path string) string {
	f, err := dicom.Open(path)
	if err != nil {
		return "not read: " + err.Error()
	}
	defer f.Close()
	_, partial, err := Digest(f)
	out := fmt.Sprintf("digest: partial %v, error %v", partial, err)
	if fault.CodeOf(err) == fault.Internal && err != nil {
		out = "NO CODE " + out
	}
	if im, err := Open(f); err == nil {
		for i := range min(im.Frames, 3) {
			_, _ = im.Frame(i)
			_, _ = im.Render(i)
			_, _ = im.RGB(i)
		}
		_, _ = im.Overlays()
		im.TimesMS()
		im.Regions()
		_ = Transcode(context.Background(), &bytes.Buffer{}, f, uid.RLELossless)
	}
	return out
}

// TestMain lets this binary be the process that is measured.
func TestMain(m *testing.M) {
	if path := os.Getenv("CINELOOP_EXERCISE"); path != "" {
		for p := range strings.SplitSeq(path, "\n") {
			fmt.Println(exercise(p))
		}
		return
	}
	os.Exit(m.Run())
}

var (
	worstMemory int64
	worstCPU    time.Duration
)

// measured exercises files in a process and wants it to end by itself within the bounds.
func measured(t *testing.T, name string, paths ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hangs)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), "CINELOOP_EXERCISE="+strings.Join(paths, "\n"))
	out, err := cmd.CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("NO CODE")) {
		t.Errorf("%s: %v: %s", name, err, out)
		return ""
	}
	u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	worstMemory = max(worstMemory, u.Maxrss<<10)
	worstCPU = max(worstCPU, (cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())/time.Duration(len(paths)))
	if n := u.Maxrss << 10; n > mostMemory && !raceEnabled {
		t.Errorf("%s: %d MB at its peak", name, n>>20)
	}
	if d := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(); d > mostCPU*time.Duration(len(paths)) && !raceEnabled {
		t.Errorf("%s: %v of processor time", name, d)
	}
	return string(out)
}

// TestMalformedCorpus: every malformed file ends in an error or in a stated partial result, in bounded time and memory.
func TestMalformedCorpus(t *testing.T) {
	dir := testdata.Shared(t, "data", "dicom", "synthetic", "malformed")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for k, entry := range entries {
		if testing.Short() && k%8 != 0 {
			continue
		}
		out := measured(t, entry.Name(), filepath.Join(dir, entry.Name()))
		if strings.Contains(entry.Name(), "huge") && strings.Contains(out, "partial <nil>, error <nil>") {
			t.Errorf("%s was decoded", entry.Name())
		}
	}
	t.Logf("at most %d MB and %v of processor time for one of %d files", worstMemory>>20, worstCPU.Round(time.Millisecond), len(entries))
}

// TestDamagedFrames changes and cuts the frames of good files, some forty times for each codec, and decodes what is left.
func TestDamagedFrames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"synthetic/ts_same_image/ct_4.90_j2k.dcm", "synthetic/ts_same_image/ctu_4.201_htj2k_lossless.dcm", "synthetic/ts_same_image/ctu_4.91_j2k_lossy.dcm",
		"synthetic/ts_same_image/ctu_4.110_jxl_lossless.dcm", "synthetic/ts_same_image/ct12_4.51_jpeg_ext12.dcm", "synthetic/ts_same_image/ct12_4.81_jpegls_near3.dcm",
		"synthetic/cine/us_5_rle_4fr.dcm", "synthetic/cine/us_4.70_4fr.dcm", "synthetic/cine/us_4.50_ybr422.dcm", "synthetic/cine/us_4.80_jpegls_4fr.dcm", "synthetic/cine/us_4.102_h264.dcm",
	} {
		f, im := openShared(t, name)
		if CanDecode(f.TransferSyntax) != nil {
			continue
		}
		if testing.Short() && !strings.Contains(name, "4.90") && !strings.Contains(name, "rle") {
			continue
		}
		n := 40
		if strings.Contains(name, "jxl") || strings.Contains(name, "h264") {
			n = 4 // a process each
		}
		if testing.Short() {
			n = 4
		}
		frags := im.elem.Fragments()
		r := rand.New(rand.NewPCG(3, uint64(len(name))))
		var paths []string
		for k := range n {
			var frames [][]byte
			for i := range min(frags.Len(), 3) {
				b, err := frags.Read(i)
				if err != nil {
					t.Fatal(err)
				}
				b = bytes.Clone(b)
				switch k % 4 {
				case 0: // cut
					b = b[:r.IntN(len(b))]
				case 1: // in the headers
					for range 1 + r.IntN(4) {
						b[r.IntN(min(len(b), 120))] = byte(r.Uint32())
					}
				case 2: // anywhere
					for range 1 + r.IntN(20) {
						b[r.IntN(len(b))] = byte(r.Uint32())
					}
				case 3: // a length or size that is huge
					at := r.IntN(min(len(b)-4, 100))
					binary.BigEndian.PutUint32(b[at:], 0x7FFFFFFF>>r.IntN(20))
				}
				frames = append(frames, b)
			}
			ds, err := f.DataSet.Copy()
			if err != nil {
				t.Fatal(err)
			}
			ds.Delete(tag.PixelData, tag.ExtendedOffsetTable, tag.ExtendedOffsetTableLengths)
			path := filepath.Join(dir, fmt.Sprintf("%d.dcm", k))
			if err := dicom.WriteFile(path, ds, dicom.WriteOptions{TransferSyntaxUID: string(f.TransferSyntax), Frames: frames}); err != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
		measured(t, name, paths...)
	}
}

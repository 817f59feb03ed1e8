// Command dicom times the DICOM core against pydicom (bench/peers/dicom.py) and dcmdump on the same files in one run: decoding a JPEG cine,
// scanning headers, the codecs per core, opening a 2 GB cine, and which frames of the corpus each program decodes rightly (also dcmtk, gdcm). The
// arguments cine, headers, codecs, large and corpus choose some of these.
//
// Times are CPU seconds of the process, the best of some rounds, so that a busy machine does not blur the comparison.
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

const rounds = 7

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/dicom:", err)
		os.Exit(1)
	}
}

func run() error {
	runtime.GOMAXPROCS(1)
	shared := os.Getenv("CINELOOP_SHARED")
	if shared == "" {
		shared = "../shared"
	}
	root := filepath.Join(shared, "data", "dicom")
	steps := []struct {
		name string
		fn   func(string) error
	}{{"cine", cine}, {"headers", headers}, {"codecs", codecs}, {"large", large}, {"corpus", corpus}}
	for _, s := range steps {
		if len(os.Args) > 1 && !slices.Contains(os.Args[1:], s.name) {
			continue
		}
		if err := s.fn(root); err != nil {
			return err
		}
	}
	return nil
}

// cpu is the CPU time of this process, or of its children that have ended.
func cpu(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// best is the least CPU time of fn over rounds.
func best(fn func() error) (time.Duration, error) {
	least := time.Duration(1 << 62)
	for range rounds {
		t := cpu(syscall.RUSAGE_SELF)
		if err := fn(); err != nil {
			return 0, err
		}
		least = min(least, cpu(syscall.RUSAGE_SELF)-t)
	}
	return least, nil
}

func row(name, ours, peer, ratio, limit string) {
	fmt.Printf("%s | %s | %s | %s | %s\n", name, ours, peer, ratio, limit)
}

func ratio(peer, ours time.Duration) string {
	if peer == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", float64(peer)/float64(ours))
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/1e6) }

type peerTimes struct{ RGB, Stored, Grey, Headers float64 }

func peer(args ...string) (peerTimes, bool) {
	var p peerTimes
	out, err := exec.Command("/usr/bin/python3", append([]string{"bench/peers/dicom.py"}, args...)...).Output()
	if err != nil || json.Unmarshal(out, &p) != nil {
		return p, false
	}
	return p, true
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// cine decodes JPEG baseline loops whole, from the file to samples.
func cine(root string) error {
	for _, name := range []string{"real/pydicom/test_files/examples_ybr_color.dcm", "synthetic/cine/us_4.50_ybr422.dcm"} {
		path := filepath.Join(root, name)
		p, ok := peer(path, strconv.Itoa(rounds))
		for _, c := range []struct {
			what   string
			peer   float64
			decode func(*pixel.Image, int) ([]byte, error)
		}{
			{"RGB", p.RGB, (*pixel.Image).RGB}, {"grey", p.Grey, (*pixel.Image).Grey8}, {"stored samples", p.Stored, (*pixel.Image).Frame},
		} {
			ours, err := best(func() error {
				f, err := dicom.Open(path)
				if err != nil {
					return err
				}
				defer f.Close()
				im, err := pixel.Open(f)
				if err != nil {
					return err
				}
				for i := range im.Frames {
					if _, err := c.decode(im, i); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			them := "pydicom not found"
			if ok {
				them = "pydicom " + ms(seconds(c.peer))
			}
			row("dicom: "+filepath.Base(name)+" to "+c.what, ms(ours), them, ratio(seconds(c.peer), ours), "3")
		}
	}
	return nil
}

// headers reads every header of the corpus, and every element in it.
func headers(root string) error {
	var files []string
	err := filepath.WalkDir(filepath.Join(root, "real"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	ours, err := best(func() error {
		for _, path := range files {
			if f, err := dicom.Open(path, dicom.StopBefore(tag.PixelData)); err == nil {
				f.DataSet.Count()
				f.Close()
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := scanBound(files, ours); err != nil {
		return err
	}
	rate := func(d time.Duration) string { return fmt.Sprintf("%.0f files/s", float64(len(files))/d.Seconds()) }
	if p, ok := peer(append([]string{files[0], "0"}, files...)...); ok {
		row("dicom: header scan", rate(ours), "pydicom "+rate(seconds(p.Headers)), ratio(seconds(p.Headers), ours), "5000 files/s")
	} else {
		row("dicom: header scan", rate(ours), "pydicom not found", "", "5000 files/s")
	}
	before := cpu(syscall.RUSAGE_CHILDREN)
	if _, err := exec.LookPath("dcmdump"); err == nil {
		_ = exec.Command("dcmdump", append([]string{"-q", "-M"}, files...)...).Run() // it fails for files that it can't read, and goes on
		d := cpu(syscall.RUSAGE_CHILDREN) - before
		row("dicom: header scan", rate(ours), "dcmdump "+rate(d), ratio(d, ours), "5000 files/s")
	}
	return nil
}

// large opens a 2 GB native cine, a sparse file, and reads one frame in its middle.
func large(string) error {
	dir, err := os.MkdirTemp("", "bench-dicom")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "large.dcm")
	const frames, size = 4096, 512 * 1024
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, uid.UltrasoundMultiFrameImageStorage)
	ds.SetString(tag.SOPInstanceUID, uid.Derive("bench"))
	ds.SetInts(tag.SamplesPerPixel, 1)
	ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
	ds.SetInts(tag.NumberOfFrames, frames)
	ds.SetInts(tag.Rows, 512)
	ds.SetInts(tag.Columns, 1024)
	ds.SetInts(tag.BitsAllocated, 8)
	ds.SetInts(tag.BitsStored, 8)
	ds.SetInts(tag.HighBit, 7)
	ds.SetInts(tag.PixelRepresentation, 0)
	ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 2))
	if err := dicom.WriteFile(path, ds, dicom.WriteOptions{}); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	end, err := f.Seek(-6, io.SeekEnd)
	if err != nil {
		return err
	}
	length := binary.LittleEndian.AppendUint32(nil, frames*size)
	if _, err := f.WriteAt(length, end); err != nil {
		return err
	}
	if err := f.Truncate(end + 4 + frames*size); err != nil {
		return err
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	df, err := dicom.Open(path)
	if err != nil {
		return err
	}
	defer df.Close()
	im, err := pixel.Open(df)
	if err != nil {
		return err
	}
	if _, err := im.Frame(frames / 2); err != nil {
		return err
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	row("dicom: open 2 GB cine, one frame", ms(took), "", "", "50 ms")
	row("dicom: memory for that", fmt.Sprintf("%.1f MB", float64(after.TotalAlloc-before.TotalAlloc)/1e6), "", "", "32 MB")
	return nil
}

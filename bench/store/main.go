// Command store times bringing DICOM files of half a megabyte into an archive against cp of the same files: wall time, the best of some
// rounds, the two taking turns. cp leaves its copies in memory; an archive acknowledges only what is on the disk, so cp followed by
// sync of the file system is shown beside it, and what the disk itself takes of as many bytes written past the cache. Processor time per
// file says more where others use the machine too. Then the same against Orthanc (STOW-RS and C-STORE) and dcmtk's storescp, which are
// sent some of the files over loopback and answer for each; they are left out where they are not installed (scripts/setup peers).
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/ingest"
)

const (
	files  = 800
	rounds = 5
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench/store:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "cineloop-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	in := filepath.Join(dir, "in")
	if err := makeFiles(in); err != nil {
		return err
	}
	var ours, again, cp, cpSync, disk time.Duration
	var oursCPU, cpCPU time.Duration
	// Nothing is removed between rounds: ext4 does not give an inode out again for five seconds, and searches for others meanwhile.
	for round := range rounds {
		folder := func(name string) string { return filepath.Join(dir, fmt.Sprint(name, round)) }
		before := processorTime(syscall.RUSAGE_CHILDREN)
		if err := best(&cp, func() error { return exec.Command("cp", "-r", in, folder("copy")).Run() }); err != nil {
			return err
		}
		least(&cpCPU, processorTime(syscall.RUSAGE_CHILDREN)-before)
		if err := settle(dir); err != nil {
			return err
		}
		if err := best(&cpSync, func() error {
			if err := exec.Command("cp", "-r", in, folder("synced")).Run(); err != nil {
				return err
			}
			return settle(dir)
		}); err != nil {
			return err
		}
		if err := best(&disk, func() error {
			return exec.Command("dd", "if=/dev/zero", "of="+folder("disk"), "bs=1M", fmt.Sprint("count=", files*sizeOfOne>>20), "oflag=direct", "conv=fsync").Run()
		}); err != nil {
			return err
		}
		before = processorTime(syscall.RUSAGE_SELF)
		if err := ingestOnce(ctx, in, folder("archive"), &ours, &again); err != nil {
			return err
		}
		least(&oursCPU, processorTime(syscall.RUSAGE_SELF)-before)
		if err := settle(dir); err != nil {
			return err
		}
	}
	rate := func(d time.Duration) float64 { return files / d.Seconds() }
	fmt.Println("name | ours | peer | ratio | limit")
	fmt.Printf("ingest 0.5 MB files, against cp (in memory) | %.0f files/s | %.0f files/s | %.2f | >= 0.60\n", rate(ours), rate(cp), rate(ours)/rate(cp))
	fmt.Printf("ingest 0.5 MB files, against cp and sync (on disk) | %.0f files/s | %.0f files/s | %.2f | >= 0.60\n", rate(ours), rate(cpSync), rate(ours)/rate(cpSync))
	fmt.Printf("ingest 0.5 MB files, against the disk past the cache (dd, one stream) | %.0f files/s | %.0f files/s | %.2f | \n", rate(ours), rate(disk), rate(ours)/rate(disk))
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 / files }
	fmt.Printf("processor time of that, ingest twice against cp | %.2f ms a file | %.2f ms a file | %.2f | \n", ms(oursCPU), ms(cpCPU), ms(oursCPU)/ms(cpCPU))
	fmt.Printf("ingest again, nothing new | %.0f files/s | %.0f files/s | %.2f | \n", rate(again), rate(cp), rate(again)/rate(cp))
	return peers(ctx, in, dir)
}

// sizeOfOne is about how many bytes a file has.
const sizeOfOne = 512*512*2 + 1024

func processorTime(who int) time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(who, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func least(best *time.Duration, d time.Duration) {
	if *best == 0 || d < *best {
		*best = d
	}
}

func ingestOnce(ctx context.Context, in, dir string, ours, again *time.Duration) error {
	if err := store.Init(dir, store.DefaultConfig()); err != nil {
		return err
	}
	a, err := store.Open(ctx, dir, store.Keys{})
	if err != nil {
		return err
	}
	defer a.Close()
	for _, step := range []struct {
		best *time.Duration
		want func(ingest.Summary) int
	}{{ours, func(s ingest.Summary) int { return s.Stored }}, {again, func(s ingest.Summary) int { return s.Duplicate }}} {
		if err := best(step.best, func() error {
			s, err := ingest.Run(ctx, a, ingest.Options{Sources: []string{in}})
			if err == nil && step.want(s) != files {
				err = fmt.Errorf("%d of %d files", step.want(s), files)
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until the disk has everything.
func settle(dir string) error { return exec.Command("sync", "-f", dir).Run() }

func best(d *time.Duration, do func() error) error {
	start := time.Now()
	err := do()
	if took := time.Since(start); *d == 0 || took < *d {
		*d = took
	}
	return err
}

// makeFiles writes CT-like instances, 512 x 512 of 16 bit, twenty to a series.
func makeFiles(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	pixels := make([]byte, 512*512*2)
	x := uint32(2463534242)
	for i := range files {
		for k := range pixels {
			x ^= x << 13
			x ^= x >> 17
			x ^= x << 5
			pixels[k] = byte(x)
			if k%2 == 1 {
				pixels[k] &= 15
			}
		}
		study, series := fmt.Sprintf("1.2.3.%d", i/60), fmt.Sprintf("1.2.3.%d.%d", i/60, i/20)
		ds := dicom.NewDataSet()
		ds.SetString(tag.SOPClassUID, uid.CTImageStorage)
		ds.SetString(tag.SOPInstanceUID, fmt.Sprintf("%s.%d", series, i))
		ds.SetString(tag.StudyInstanceUID, study)
		ds.SetString(tag.SeriesInstanceUID, series)
		ds.SetString(tag.PatientID, fmt.Sprintf("P%d", i/60))
		ds.SetString(tag.PatientName, fmt.Sprintf("Bench^%d", i/60))
		ds.SetString(tag.StudyDate, "20240101")
		ds.SetString(tag.Modality, "CT")
		ds.SetString(tag.InstanceNumber, fmt.Sprint(i))
		ds.SetInts(tag.Rows, 512)
		ds.SetInts(tag.Columns, 512)
		ds.SetInts(tag.BitsAllocated, 16)
		ds.SetInts(tag.BitsStored, 12)
		ds.SetInts(tag.HighBit, 11)
		ds.SetInts(tag.PixelRepresentation, 0)
		ds.SetInts(tag.SamplesPerPixel, 1)
		ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
		ds.SetBytes(tag.PixelData, vr.OW, pixels)
		if err := dicom.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.dcm", i)), ds, dicom.WriteOptions{TransferSyntaxUID: uid.ExplicitVRLittleEndian}); err != nil {
			return err
		}
	}
	return nil
}

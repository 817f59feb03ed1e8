package phantom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
)

// manifestName holds the configuration that a folder was made with.
const manifestName = "phantom.json"

type manifest struct {
	Version  string `json:"version"`
	Pictures string `json:"pictures_sha256"` // of everything that decides the pictures
	Config   Config `json:"config"`
}

// Write simulates the cohort into dir:
//
//	cohort.csv           a row a clip, EchoNet's columns first
//	volume_tracings.csv  EchoNet's outlines at end-diastole and end-systole
//	text_boxes.csv       burned-in text with its rectangles (not in tissue clips)
//	dicom/NAME.dcm       ultrasound multi-frame, JPEG baseline
//	truth/NAME.json      volumes, phases, boxes and outlines of a clip
//	masks/NAME.npz       masks [T, H, W], volume_ml [T], shortcut [H, W], when cfg.Masks
//	avi/, npz/           when asked for
//	phantom.json         the configuration
//
// Files that are there already under the name that the configuration gives them are kept: an interrupted call goes on where it
// stopped, and a larger cohort adds to a smaller one. A folder made with another seed or other pictures is an error of code
// conflict. progress, which may be nil, is called after each clip, from one goroutine at a time. The bytes do not depend on
// cfg.Workers. Errors have code usage, conflict, resource or interrupted.
func Write(ctx context.Context, dir string, cfg Config, progress func(done, total int)) error {
	c, err := New(cfg)
	if err != nil {
		return err
	}
	if c.cfg.Patients == 0 {
		return fault.New(fault.Usage, "a cohort of no patients")
	}
	if err := c.claim(dir); err != nil {
		return err
	}
	type job struct {
		patient *Patient
		view    View
	}
	workers := c.cfg.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	total := c.Clips()
	var mu sync.Mutex
	done := 0
	group, gctx := errgroup.WithContext(ctx)
	jobs := make(chan job)
	group.Go(func() error {
		defer close(jobs)
		for i := range c.cfg.Patients {
			p := c.Patient(i)
			for _, v := range c.Taken(i) {
				select {
				case jobs <- job{p, v}:
				case <-gctx.Done():
					return gctx.Err()
				}
			}
		}
		return nil
	})
	for range workers {
		group.Go(func() error {
			for j := range jobs {
				if err := gctx.Err(); err != nil {
					return err
				}
				if err := c.writeClip(dir, j.patient, j.view); err != nil {
					return err
				}
				mu.Lock()
				done++
				if progress != nil {
					progress(done, total)
				}
				mu.Unlock()
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			return fault.New(fault.Interrupted, "simulating: %w", context.Cause(ctx)).WithHint("the same command goes on from here")
		}
		return err
	}
	return c.writeTables(dir)
}

// claim makes the folders and checks that what is in dir was made with the same pictures.
func (c *Cohort) claim(dir string) error {
	folders := []string{"dicom", "truth"}
	if c.cfg.Masks {
		folders = append(folders, "masks")
	}
	if c.cfg.AVI {
		folders = append(folders, "avi")
	}
	if c.cfg.NPZ {
		folders = append(folders, "npz")
	}
	for _, f := range folders {
		if err := os.MkdirAll(filepath.Join(dir, f), 0o755); err != nil {
			return fault.New(fault.Resource, "making the cohort's folder: %w", err)
		}
	}
	path := filepath.Join(dir, manifestName)
	want := manifest{Version: Version, Pictures: c.cfg.pictureDigest(), Config: c.cfg}
	old, err := os.ReadFile(path)
	switch {
	case err == nil:
		var have manifest
		if json.Unmarshal(old, &have) != nil || have.Pictures != want.Pictures {
			return fault.New(fault.Conflict, "%s was made with another seed or configuration", dir).WithHint("choose another folder, or remove this one")
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Input, "reading %s: %w", path, err)
	}
	return writeJSON(path, want)
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", filepath.Base(path), err)
	}
	return atomicfile.WriteBytes(path, append(b, '\n'))
}

// outputs are the files of one clip; the DICOM file is last, so that its presence means that all are there.
func (c *Cohort) outputs(dir, name string) []string {
	files := []string{filepath.Join(dir, "truth", name+".json")}
	if c.cfg.Masks {
		files = append(files, filepath.Join(dir, "masks", name+".npz"))
	}
	if c.cfg.AVI {
		files = append(files, filepath.Join(dir, "avi", name+".avi"))
	}
	if c.cfg.NPZ {
		files = append(files, filepath.Join(dir, "npz", name+".npz"))
	}
	return append(files, filepath.Join(dir, "dicom", name+".dcm"))
}

func (c *Cohort) writeClip(dir string, p *Patient, v View) error {
	name := c.FileName(p, v)
	complete := true
	for _, f := range c.outputs(dir, name) {
		if _, err := os.Stat(f); err != nil {
			complete = false
		}
	}
	if complete {
		return nil
	}
	pictures, truth := c.ClipOf(p, v)
	frames, size := compress(pictures)
	if err := writeJSON(filepath.Join(dir, "truth", name+".json"), truth); err != nil {
		return err
	}
	if c.cfg.Masks {
		shape := []int{pictures.T, pictures.H, pictures.W}
		arrays := []npyArray{
			{"masks", "|u1", shape, truth.Masks},
			{"volume_ml", "<f4", shape[:1], float32Bytes(truth.Volumes)},
			{"shortcut", "|u1", shape[1:], truth.Shortcut},
		}
		if err := writeWith(filepath.Join(dir, "masks", name+".npz"), func(w io.Writer) error { return writeNPZ(w, arrays) }); err != nil {
			return err
		}
	}
	if c.cfg.NPZ {
		arrays := []npyArray{
			{"frames", "|u1", []int{pictures.T, pictures.H, pictures.W, pictures.C}, pictures.Data},
			{"times_ms", "<f4", []int{pictures.T}, float32Bytes(pictures.TimesMS)},
		}
		if err := writeWith(filepath.Join(dir, "npz", name+".npz"), func(w io.Writer) error { return writeNPZ(w, arrays) }); err != nil {
			return err
		}
	}
	if c.cfg.AVI {
		if err := writeWith(filepath.Join(dir, "avi", name+".avi"), func(w io.Writer) error {
			return writeAVI(w, frames, pictures.H, pictures.W, truth.FPS)
		}); err != nil {
			return err
		}
	}
	path := filepath.Join(dir, "dicom", name+".dcm")
	opt := dicom.WriteOptions{TransferSyntaxUID: uid.JPEGBaseline8Bit, Frames: frames}
	if err := dicom.WriteFile(path, c.header(p, truth, size), opt); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// writeWith writes a file whole or not at all.
func writeWith(path string, write func(io.Writer) error) error {
	if err := atomicfile.Write(path, write); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// compress encodes each frame as JPEG and returns the total size in bytes. Grey clips become colour with neutral chroma.
func compress(c *clip.Clip) (frames [][]byte, size int) {
	rgb := make([]uint8, 3*c.H*c.W)
	for t := range c.T {
		f := c.Frame(t)
		if c.C == 1 {
			for i, v := range f {
				rgb[3*i], rgb[3*i+1], rgb[3*i+2] = v, v, v
			}
			f = rgb
		}
		j := encodeJPEG(f, c.H, c.W)
		frames = append(frames, j)
		size += len(j)
	}
	return frames, size
}

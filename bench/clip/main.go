// Command clip times reading and preparing clips against a plain Python script (bench/peers/clip.py: pydicom, OpenCV, nibabel, NumPy) on the
// same files, and checks on the first file of each task that both read the same samples.
//
// Both sides use one thread; times are CPU seconds of the process, the best of some rounds taken in turns, so that a busy machine does not
// blur the comparison. A ratio above 1 says how many times faster ours is.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/cineloop/cineloop/clip"
)

const (
	turns  = 3 // of ours and the peer's
	rounds = 3 // in a turn
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/clip:", err)
		os.Exit(1)
	}
}

// task is one thing to read, by us and by the peer.
type task struct {
	Name  string   `json:"name"`
	Kind  string   `json:"kind"` // of the peer's reader
	Files []string `json:"files"`

	unit      string
	limit     string
	tolerance float64 // relative difference of the sums of samples
	read      func(path string) (frames int, sum func() float64, err error)
}

// result is the least CPU time of a round.
type result struct {
	CPU    float64 `json:"cpu"`
	Frames int     `json:"frames"`
	Sum    float64 `json:"sum"`
}

func run() error {
	runtime.GOMAXPROCS(1)
	shared := os.Getenv("CINELOOP_SHARED")
	if shared == "" {
		shared = "../shared"
	}
	tasks, err := tasksIn(filepath.Join(shared, "data", "imaging"))
	if err != nil {
		return err
	}
	ours, theirs := map[string]result{}, map[string]result{}
	for range turns {
		for _, t := range tasks {
			r, err := measure(t)
			if err != nil {
				return fmt.Errorf("%s: %w", t.Name, err)
			}
			keepBest(ours, t.Name, r)
		}
		p, err := peer(tasks)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench/clip: the peer does not run:", err)
			continue
		}
		for name, r := range p {
			keepBest(theirs, name, r)
		}
	}
	for _, t := range tasks {
		a, b := ours[t.Name], theirs[t.Name]
		rate := float64(a.Frames) / a.CPU
		if b.CPU == 0 {
			fmt.Printf("clip: %s | %.0f %s | absent | | %s\n", t.Name, rate, t.unit, t.limit)
			continue
		}
		if d := math.Abs(a.Sum - b.Sum); t.tolerance >= 0 && d > t.tolerance*math.Abs(b.Sum) {
			return fmt.Errorf("%s: the samples' sum is %v, the peer's %v", t.Name, a.Sum, b.Sum)
		}
		fmt.Printf("clip: %s | %.0f %s | %.0f | %.2f | %s\n", t.Name, rate, t.unit, float64(b.Frames)/b.CPU, rate/(float64(b.Frames)/b.CPU), t.limit)
	}
	return nil
}

func keepBest(m map[string]result, name string, r result) {
	if old, ok := m[name]; !ok || r.CPU < old.CPU {
		m[name] = r
	}
}

func tasksIn(root string) ([]task, error) {
	var missing error
	glob := func(n int, elem ...string) []string {
		files, err := filepath.Glob(filepath.Join(append([]string{root}, elem...)...))
		if err != nil || len(files) == 0 {
			missing = errors.Join(missing, fmt.Errorf("no %s under %s", filepath.Join(elem...), root), err)
		}
		return files[:min(n, len(files))]
	}
	echo, lungs := glob(8, "echo_dicom", "*.dcm"), glob(12, "lus", "clips", "*.avi")
	brains, ct := glob(40, "hippocampus", "images", "*.nii.gz"), glob(1, "ct_example", "example_ct.nii.gz")
	hearts, adrenal := glob(100, "sunnybrook", "images", "*.png"), glob(1, "adrenal3d", "adrenalmnist3d.npz")
	for i, f := range adrenal {
		adrenal[i] = f + "#train_images"
	}
	const decode = "frames a CPU second"
	return []task{
		{Name: "DICOM JPEG cine to RGB, against pydicom", Kind: "dicom", Files: echo, unit: decode, limit: ">= 1", tolerance: 0.01, read: open()},
		{Name: "DICOM JPEG cine to RGB, against OpenCV on its frames", Kind: "dicom_cv", Files: echo, unit: decode, tolerance: 0.01, read: open()},
		{Name: "DICOM JPEG cine to grey, against OpenCV on its frames", Kind: "dicom_grey", Files: echo, unit: decode, tolerance: 0.01, read: open(clip.AsGrey())},
		{Name: "AVI to grey, against OpenCV", Kind: "avi", Files: lungs, unit: decode, tolerance: 0.02, read: open(clip.AsGrey())},
		{Name: "NIfTI, small, against nibabel", Kind: "nifti", Files: brains, unit: "slices a CPU second", limit: ">= 1", tolerance: 1e-6, read: open()},
		{Name: "NIfTI, CT, against nibabel", Kind: "nifti", Files: ct, unit: "slices a CPU second", tolerance: 1e-6, read: open()},
		{Name: "NIfTI, CT, against gzip and NumPy", Kind: "nifti_raw", Files: ct, unit: "slices a CPU second", tolerance: 1e-6, read: open()},
		{Name: "PNG, against OpenCV", Kind: "png", Files: hearts, unit: "images a CPU second", tolerance: 1e-9, read: open()},
		{Name: "npz array, against NumPy", Kind: "npz", Files: adrenal, unit: "volumes a CPU second", tolerance: 1e-9, read: openVolumes},
		{Name: "prepare 32×600×800 to 16×112×112, against OpenCV", Kind: "resize", Files: []string{"synthetic"}, unit: "clips a CPU second", limit: ">= 1", tolerance: 0.005, read: prepare()},
	}, missing
}

func open(opts ...clip.ReadOption) func(string) (int, func() float64, error) {
	return func(path string) (int, func() float64, error) {
		c, err := clip.Open(path, opts...)
		if err != nil {
			return 0, nil, err
		}
		return c.T, func() float64 { return sumOf(c) }, nil
	}
}

// openVolumes reads every item of an array, one by one, as a loader does. Each round names the archive differently, so that the inflated
// array of the round before is not found again.
func openVolumes(path string) (int, func() float64, error) {
	members, err := clip.NPZMembers(path[:len(path)-len("#train_images")])
	if err != nil {
		return 0, nil, err
	}
	alias, err := os.MkdirTemp("", "bench-clip-*")
	if err != nil {
		return 0, nil, err
	}
	defer os.RemoveAll(alias)
	target, err := filepath.Abs(path[:len(path)-len("#train_images")])
	if err != nil {
		return 0, nil, err
	}
	link := filepath.Join(alias, "set.npz")
	if err := os.Symlink(target, link); err != nil {
		return 0, nil, err
	}
	n := members[0].Shape[0]
	clips := make([]*clip.Clip, n)
	for i := range clips {
		if clips[i], err = clip.Open(fmt.Sprintf("%s#train_images[%d]", link, i)); err != nil {
			return 0, nil, err
		}
	}
	return n, func() float64 {
		total := 0.0
		for _, c := range clips {
			total += sumOf(c)
		}
		return total
	}, nil
}

func prepare() func(string) (int, func() float64, error) {
	c := clip.New(clip.Uint8, 32, 600, 800, 1)
	for i := range c.Data {
		c.Data[i] = byte(i * 7)
	}
	c.TimesMS = make([]float64, c.T)
	for i := range c.TimesMS {
		c.TimesMS[i] = 20 * float64(i)
	}
	in := clip.InputSpec{Frames: 16, Height: 112, Width: 112, Channels: 1, Normalise: "unit"}
	dst := make([]float32, 16*112*112)
	return func(string) (int, func() float64, error) {
		err := clip.Prepare(c, in, dst, nil, clip.AugmentSpec{}, 0)
		return 1, func() float64 {
			sum := 0.0
			for _, v := range dst {
				sum += float64(v)
			}
			return sum
		}, err
	}
}

// sumOf adds the samples up.
func sumOf(c *clip.Clip) float64 {
	x := make([]float32, c.T*c.H*c.W*c.C)
	sum := 0.0
	if c.DType == clip.Uint8 {
		for _, v := range c.Data {
			sum += float64(v)
		}
		return sum
	}
	if err := clip.Prepare(c, clip.InputSpec{Normalise: "none"}, x, nil, clip.AugmentSpec{}, 0); err != nil {
		return math.NaN()
	}
	for _, v := range x {
		sum += float64(v)
	}
	return sum
}

// measure reads the task's files some rounds.
func measure(t task) (result, error) {
	best := result{CPU: math.Inf(1)}
	for range rounds {
		runtime.GC() // what the round before left is not this one's cost
		start := cpu()
		frames := 0
		for _, path := range t.Files {
			n, _, err := t.read(path)
			if err != nil {
				return best, err
			}
			frames += n
		}
		best.CPU, best.Frames = min(best.CPU, (cpu()-start).Seconds()), frames
	}
	_, sum, err := t.read(t.Files[0])
	if err != nil {
		return best, err
	}
	best.Sum = sum()
	return best, nil
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func peer(tasks []task) (map[string]result, error) {
	type request struct {
		Rounds int    `json:"rounds"`
		Tasks  []task `json:"tasks"`
	}
	req := request{Rounds: rounds, Tasks: append([]task(nil), tasks...)}
	for i, t := range req.Tasks {
		if t.Kind == "npz" {
			req.Tasks[i].Files = []string{t.Files[0][:len(t.Files[0])-len("#train_images")]}
		}
	}
	in, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/usr/bin/python3", "bench/peers/clip.py")
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENCV_FFMPEG_CAPTURE_OPTIONS=threads;1")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	b, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	out := map[string]result{}
	return out, json.Unmarshal(b, &out)
}

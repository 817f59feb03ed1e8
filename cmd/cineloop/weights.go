package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/nn/weights"
)

func init() { register(newWeightsCmd) }

type weightsOptions struct {
	File    string
	Model   string // empty: every network is tried
	Tensors bool
	JSON    bool
}

// weightsInfo is what a file of weights holds and fits, as --json gives it.
type weightsInfo struct {
	Format     string            `json:"format"`
	Bytes      int64             `json:"bytes"`
	SHA256     string            `json:"sha256"`
	Tensors    int               `json:"tensors"`
	Parameters int64             `json:"parameters"` // values in tensors of any kind, buffers too
	DTypes     map[string]int    `json:"dtypes"`     // tensors
	Metadata   map[string]string `json:"metadata,omitempty"`
	Fits       []weightsFit      `json:"fits"` // networks, the best first
	List       []tensorInfo      `json:"list,omitempty"`
}

type weightsFit struct {
	Model   string        `json:"model"`
	Scheme  string        `json:"scheme"` // how names are changed
	Kernels int           `json:"kernels"`
	Found   int           `json:"found"` // of the kernels
	Keys    nn.LoadReport `json:"keys"`
}

type tensorInfo struct {
	Name  string  `json:"name"`
	DType string  `json:"dtype"`
	Shape []int64 `json:"shape"`
}

func newWeightsCmd(io ioStreams) *cobra.Command {
	cmd := &cobra.Command{Use: "weights", Short: "Look into files of trained weights"}
	var opts weightsOptions
	inspect := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Say what a .pth or .safetensors file holds and which networks it fits",
		Long: `Read a file of weights (.safetensors, or what torch.save writes: a state dict, a checkpoint that holds one, or a module) without executing
anything in it, and say what it holds and which networks of "cineloop models" it fits: how many kernels find their values, under which
naming scheme (torchvision, timm, the authors' own, wrappers' prefixes dropped), what is resized, missing or left over, and which 2D kernels
would be inflated over time. model.weights in a recipe loads it just so.

Exit status: 0 done, 2 a wrong flag or no network of that name, 3 a file that cannot be read or fits nothing, 6 the file is not there.`,
		Example: `  cineloop weights inspect r3d_18-b3b3357e.pth
  cineloop weights inspect deit_small.pth --model vit_s_16_mean --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.File = args[0]
			return runWeightsInspect(cmd.Context(), opts, io)
		},
	}
	inspect.Flags().StringVar(&opts.Model, "model", "", "compare with this network only, and list every key that does not match")
	inspect.Flags().BoolVar(&opts.Tensors, "tensors", false, "list the file's tensors")
	inspect.Flags().BoolVar(&opts.JSON, "json", false, "print JSON")
	cmd.AddCommand(inspect)
	return cmd
}

func runWeightsInspect(_ context.Context, opts weightsOptions, io ioStreams) error {
	f, err := weights.Read(opts.File)
	if err != nil {
		return err
	}
	info, err := describeWeights(f, opts)
	if err != nil {
		return err
	}
	if opts.JSON {
		err = printJSON(io.Out, info)
	} else {
		err = printWeights(io.Out, info, opts)
	}
	if err == nil && len(info.Fits) == 0 {
		err = fault.New(fault.Input, "the weights fill half of no network's kernels").WithHint("cineloop models lists the networks; --model NAME says what is missing")
	}
	return err
}

func describeWeights(f *weights.File, opts weightsOptions) (*weightsInfo, error) {
	info := &weightsInfo{Format: f.Format, Tensors: len(f.Tensors), DTypes: map[string]int{}, Metadata: f.Metadata, Fits: []weightsFit{}}
	var err error
	if info.Bytes, info.SHA256, err = fileSHA256(opts.File); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(f.Tensors)) {
		a := f.Tensors[name]
		n := int64(1)
		for _, d := range a.Shape {
			n *= d
		}
		info.Parameters += n
		info.DTypes[a.DType.String()]++
		if opts.Tensors {
			info.List = append(info.List, tensorInfo{name, a.DType.String(), a.Shape})
		}
	}
	build := func(name string) (nn.Module, error) {
		a, err := video.Find(name)
		if err != nil {
			return nil, err
		}
		return video.New(video.Spec{Name: name, Heads: []video.Head{{Name: "scores", Width: a.Classes}}})
	}
	var fits []weights.Candidate
	if opts.Model != "" {
		m, err := build(opts.Model)
		if err != nil {
			return nil, err
		}
		fits = []weights.Candidate{{Name: opts.Model, Adapted: weights.Adapt(f.Tensors, m)}}
	} else if fits, err = weights.Rank(f.Tensors, video.Names(), build); err != nil {
		return nil, err
	}
	for _, c := range fits {
		info.Fits = append(info.Fits, weightsFit{c.Name, c.Scheme, c.Kernels, c.Found, c.Report})
	}
	return info, nil
}

func fileSHA256(path string) (int64, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", fault.New(fault.NotFound, "reading the weights: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return 0, "", fault.New(fault.Input, "reading the weights: %w", err)
	}
	return n, hex.EncodeToString(h.Sum(nil)), nil
}

func printWeights(out io.Writer, info *weightsInfo, opts weightsOptions) error {
	fmt.Fprintf(out, "%s, %d tensors, %.2f M values, %.1f MB, sha256 %s\n", info.Format, info.Tensors, float64(info.Parameters)/1e6, float64(info.Bytes)/1e6, info.SHA256)
	for _, d := range slices.Sorted(maps.Keys(info.DTypes)) {
		fmt.Fprintf(out, "  %d tensors of %s\n", info.DTypes[d], d)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, t := range info.List {
		fmt.Fprintf(w, "  %s\t%s\t%v\n", t.Name, t.DType, t.Shape)
	}
	for i, f := range info.Fits {
		if i == 5 {
			fmt.Fprintf(w, "… and %d more (--json)\n", len(info.Fits)-i)
			break
		}
		fmt.Fprintf(w, "%s\t%d of %d kernels\t%s\t%s\n", f.Model, f.Found, f.Kernels, f.Scheme, f.Keys)
	}
	if err := w.Flush(); err != nil || opts.Model == "" {
		return err
	}
	for _, f := range info.Fits {
		for _, part := range []struct {
			what string
			keys []string
		}{{"folded", f.Keys.Folded}, {"inflated", f.Keys.Inflated}, {"resized", f.Keys.Resized}, {"missing", f.Keys.Missing}, {"left over", f.Keys.Unexpected}} {
			slices.SortFunc(part.keys, func(a, b string) int { return cmp.Compare(a, b) })
			for _, k := range part.keys {
				fmt.Fprintf(out, "  %s: %s\n", part.what, k)
			}
		}
	}
	return nil
}

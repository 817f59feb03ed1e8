package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/segment"
	"github.com/cineloop/cineloop/nn/video"
)

func init() { register(newModelsCmd) }

type modelsOptions struct {
	Name     string // empty: the list
	JSON     bool
	Width    int64
	Channels int64
	Input    []int64
	Classes  int64
	Layers   bool
}

// modelInfo is one network as --json gives it.
type modelInfo struct {
	Name       string      `json:"name"`
	Family     string      `json:"family"`
	Paper      string      `json:"paper"`
	Where      string      `json:"where"`
	Input      []int64     `json:"input"`       // channels, frames, height, width that the numbers are for
	Least      [3]int64    `json:"least_input"` // frames, height, width
	Width      int64       `json:"width"`
	Classes    int64       `json:"classes"`
	Parameters int64       `json:"parameters"`
	GMACs      float64     `json:"gmacs"`              // multiply-adds of one clip, forward, in G; papers often call them GFLOPs
	TrainMiB   float64     `json:"train_mib"`          // activations that a training step keeps for one clip, float32
	MapLayer   string      `json:"map_layer"`          // where Grad-CAM looks; empty: it does not apply
	Poolings   []string    `json:"poolings,omitempty"` // over time, in place of the name's last part
	Tensors    []layerInfo `json:"tensors,omitempty"`
}

type layerInfo struct {
	Name   string  `json:"name"`
	Shape  []int64 `json:"shape"`
	Buffer bool    `json:"buffer,omitempty"`
}

func newModelsCmd(io ioStreams) *cobra.Command {
	var opts modelsOptions
	cmd := &cobra.Command{
		Use:   "models [show NAME]",
		Short: "List the networks that a recipe can name, with their papers and what they cost",
		Long: `List the networks that a recipe's model.name can be, with their papers, parameters and multiply-adds for one clip of the published size.

Networks of frames (resnet50_mean, …) run on every picture and join their features; in place of mean they also take attention, lstm,
gru and transformer.

Exit status: 0 done, 2 a wrong flag, or no network of that name.`,
		Example: `  cineloop models
  cineloop models show r2plus1d_18 --input 1,32,112,112 --width 32
  cineloop models --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runModels(cmd.Context(), opts, io) },
	}
	cmd.Flags().BoolVar(&opts.JSON, "json", false, "print JSON")
	show := &cobra.Command{
		Use:   "show NAME",
		Short: "Show one network: paper, input, cost, and the names and shapes of its tensors",
		Long: `Show one network: its paper, what it takes and costs for a given input and width, and the names and shapes of its tensors, which are those
of the published weights.

Exit status: 0 done, 2 a wrong flag, or no network of that name.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Name = args[0]
			return runModels(cmd.Context(), opts, io)
		},
	}
	show.Flags().BoolVar(&opts.JSON, "json", false, "print JSON")
	show.Flags().Int64Var(&opts.Width, "width", 64, "channels of the first stage; 64 is the published width of every network")
	show.Flags().Int64SliceVar(&opts.Input, "input", nil, "channels,frames,height,width (default: the published network's)")
	show.Flags().Int64Var(&opts.Classes, "classes", 0, "scores of the head (default: the published network's)")
	show.Flags().BoolVar(&opts.Layers, "tensors", true, "list the tensors")
	cmd.AddCommand(show)
	return cmd
}

func runModels(_ context.Context, opts modelsOptions, io ioStreams) error {
	if opts.Name != "" {
		if a, err := segment.Find(opts.Name); err == nil {
			return showMaskModel(a, opts, io)
		}
		a, err := video.Find(opts.Name)
		if err != nil {
			return err
		}
		m, err := describeModel(a, opts)
		if err != nil {
			return err
		}
		if opts.JSON {
			return printJSON(io.Out, m)
		}
		return printModel(io, m)
	}
	var all []modelInfo
	for _, a := range video.Architectures() {
		m, err := describeModel(a, modelsOptions{})
		if err != nil {
			return err
		}
		all = append(all, m)
	}
	for _, a := range segment.Architectures() {
		m, err := describeMaskModel(a, modelsOptions{})
		if err != nil {
			return err
		}
		all = append(all, m)
	}
	if opts.JSON {
		return printJSON(io.Out, all)
	}
	w := tabwriter.NewWriter(io.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "name\tfamily\tM parameters\tG multiply-adds\tT×H×W\tpaper")
	for _, m := range all {
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%.2f\t%d×%d×%d\t%s\n", m.Name, m.Family, float64(m.Parameters)/1e6, m.GMACs, m.Input[1], m.Input[2], m.Input[3], m.Where)
	}
	return w.Flush()
}

// describeModel counts a network for the options' input, width and classes, where they are 0 for the published ones.
func describeModel(a video.Architecture, opts modelsOptions) (modelInfo, error) {
	in := []int64{3, a.Input[0], a.Input[1], a.Input[2]}
	if len(opts.Input) > 0 {
		if len(opts.Input) != 4 {
			return modelInfo{}, fault.New(fault.Usage, "--input wants channels,frames,height,width").WithHint("such as 1,16,112,112")
		}
		in = opts.Input
	}
	for i, least := range a.Least {
		if in[i+1] < least {
			return modelInfo{}, fault.New(fault.Usage, "%s takes clips of at least %d×%d×%d", a.Name, a.Least[0], a.Least[1], a.Least[2])
		}
	}
	if opts.Classes == 0 {
		opts.Classes = a.Classes
	}
	if opts.Width == 0 {
		opts.Width = 64
	}
	net, err := video.New(video.Spec{Name: a.Name, Width: opts.Width, Channels: in[0], Size: [3]int64{in[1], in[2], in[3]}, Heads: []video.Head{{Name: "scores", Width: opts.Classes}}})
	if err != nil {
		return modelInfo{}, err
	}
	c := nn.Count(net, append([]int64{1}, in...)...)
	m := modelInfo{
		Name: a.Name, Family: a.Family, Paper: a.Paper.Title, Where: a.Paper.Where, Input: in, Least: a.Least, Width: opts.Width, Classes: opts.Classes,
		Parameters: c.Params, GMACs: float64(c.MACs) / 1e9, TrainMiB: float64(4*c.Activations) / (1 << 20), MapLayer: net.LastStage(),
	}
	if a.Family == "frames" {
		for _, p := range video.Poolings {
			m.Poolings = append(m.Poolings, string(p))
		}
	}
	if opts.Layers {
		net.Visit("", func(name string, p *nn.Param) {
			m.Tensors = append(m.Tensors, layerInfo{Name: name, Shape: p.Shape, Buffer: p.Buffer})
		})
	}
	return m, nil
}

func printModel(io ioStreams, m modelInfo) error {
	w := tabwriter.NewWriter(io.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "name\t%s\npaper\t%s\n\t%s\n", m.Name, m.Paper, m.Where)
	fmt.Fprintf(w, "input\t%d channels, %d frames, %d×%d (at least %d, %d×%d)\n", m.Input[0], m.Input[1], m.Input[2], m.Input[3], m.Least[0], m.Least[1], m.Least[2])
	fmt.Fprintf(w, "parameters\t%.3f M with %d scores at width %d\n", float64(m.Parameters)/1e6, m.Classes, m.Width)
	fmt.Fprintf(w, "multiply-adds\t%.2f G a clip, forward; about three times that in training\n", m.GMACs)
	fmt.Fprintf(w, "activations\t%.0f MiB a clip in training, float32\n", m.TrainMiB)
	layer := m.MapLayer
	if layer == "" {
		layer = "none: its last stage has no positions"
	}
	fmt.Fprintf(w, "Grad-CAM at\t%s\n", layer)
	for i, t := range m.Tensors {
		if i == 0 {
			fmt.Fprintln(w, "\ntensor\tshape")
		}
		fmt.Fprintf(w, "%s\t%v\n", t.Name, t.Shape)
	}
	return w.Flush()
}

package monai

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/cineloop/cineloop/bundle"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
)

// Source is what a bundle is made of.
type Source struct {
	Card          *bundle.Card
	Preprocessing any // written as docs/preprocessing.json
	Shape         []int64
	Network       video.Spec
	Heads         []Head
	Tensors       map[string]torch.Array
	Licence       []byte // nil: a text that grants nothing
	Modality      string // DICOM's, such as US; empty: unknown
}

// Head is a target in the order of the outputs.
type Head struct {
	Name    string
	Kind    string
	Unit    string
	Decode  string
	Outputs []string // a word each
}

// Versions that the layout was written for.
const (
	schema         = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
	monaiVersion   = "1.4.0"
	pytorchVersion = "1.13.1"
	numpyVersion   = "1.24.2"
)

// Write writes the bundle into a new folder, or nothing.
//
// Errors: usage (no class of torchvision is this network), conflict (the folder is there already), resource.
func Write(out string, s Source) error {
	n, err := networkOf(s.Network, s.Shape, s.Tensors)
	if err != nil {
		return err
	}
	stage, err := os.MkdirTemp("", "cineloop-monai-*")
	if err != nil {
		return fault.New(fault.Resource, "making a bundle: %w", err)
	}
	defer os.RemoveAll(stage)
	weights := filepath.Join(stage, "model.pt")
	if err := torch.WritePTH(weights, n.tensors); err != nil {
		return err
	}
	licence := s.Licence
	if licence == nil {
		licence = []byte("No licence was given with this model: its makers have not allowed anybody to use, change or pass it on.\n")
	}
	content := []bundle.Content{{Path: "models/model.pt", From: weights}, {Path: "docs/README.md", Data: s.Card.Markdown()}, {Path: "LICENSE", Data: licence}}
	for path, v := range map[string]any{"configs/metadata.json": s.metadata(n), "configs/inference.json": s.inference(n),
		"docs/preprocessing.json": s.Preprocessing} {
		c, err := bundle.JSON(path, v)
		if err != nil {
			return err
		}
		content = append(content, c)
	}
	if _, err := os.Lstat(out); err == nil {
		return fault.New(fault.Conflict, "%s is there already", out).WithHint("give another --out, or remove it")
	}
	return bundle.WriteFolder(out, content)
}

// spatial is the input's shape without channels, as the class takes it.
func (s Source) spatial(n *network) []int64 {
	if n.flat {
		return s.Shape[len(s.Shape)-2:]
	}
	return s.Shape[1:]
}

func (s Source) channels(n *network) int64 {
	if n.repeat {
		return 3
	}
	return s.Shape[0]
}

// metadata is configs/metadata.json.
func (s Source) metadata(n *network) map[string]any {
	c := s.Card
	st := c.Statement
	version := st.Version
	changes := map[string]string{version: "exported by cineloop " + c.Cineloop}
	if len(st.Changes) > 0 {
		text := ""
		for i, l := range st.Changes {
			if i > 0 {
				text += "; "
			}
			text += l
		}
		changes[version] = text
	}
	channels := map[string]string{}
	for i := range s.channels(n) {
		channels[fmt.Sprint(i)] = "image"
	}
	input := map[string]any{"type": "image", "format": "magnitude", "modality": orElse(s.Modality, "OT"), "num_channels": s.channels(n), "spatial_shape": s.spatial(n),
		"dtype": "float32", "value_range": []float64{}, "is_patch_data": false, "channel_def": channels}
	output := map[string]any{"type": "probabilities", "format": "classification", "num_channels": s.outputs(), "spatial_shape": []int64{}, "dtype": "float32",
		"value_range": []float64{}, "is_patch_data": false, "channel_def": s.outputNames()}
	metrics := map[string]float64{}
	for _, r := range c.Results[:1] {
		for name, t := range r.Report.Targets {
			for metric, m := range t.Metrics {
				if m.Value.Defined() {
					metrics[name+"_"+metric] = float64(m.Value)
				}
			}
		}
	}
	source := "not public"
	if c.Data.Simulated {
		source = "simulated"
	}
	references := []string{}
	for _, r := range []string{c.Model.Paper, st.Citation} {
		if r != "" {
			references = append(references, r)
		}
	}
	packages := map[string]string{"torchvision": "0.14.1", "pytorch-ignite": "0.4.11"}
	return map[string]any{
		"schema": schema, "version": version, "changelog": changes, "monai_version": monaiVersion, "pytorch_version": pytorchVersion, "numpy_version": numpyVersion,
		"optional_packages_version": packages, "required_packages_version": packages, "name": c.Name, "task": s.task(),
		"description": orElse(c.Description, s.task()), "authors": orElse(st.Authors, "not named"), "copyright": orElse(st.Licence, "see LICENSE"),
		"data_source": source, "data_type": "numpy", "image_classes": fmt.Sprintf("%d channels, prepared as docs/preprocessing.json says", s.channels(n)),
		"label_classes": s.task(), "pred_classes": s.decoding(), "eval_metrics": metrics,
		"intended_use": orElse(st.IntendedUse, "A result of research, not to be used for diagnosis"), "references": references,
		"network_data_format": map[string]any{"inputs": map[string]any{"image": input}, "outputs": map[string]any{"pred": output}},
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (s Source) task() string {
	text := "prediction of "
	for i, h := range s.Heads {
		if i > 0 {
			text += ", "
		}
		text += h.Name + " (" + h.Kind + ")"
	}
	return text
}

func (s Source) outputs() int {
	n := 0
	for _, h := range s.Heads {
		n += len(h.Outputs)
	}
	return n
}

func (s Source) outputNames() map[string]string {
	out := map[string]string{}
	for _, h := range s.Heads {
		for _, o := range h.Outputs {
			out[fmt.Sprint(len(out))] = o
		}
	}
	return out
}

// decoding says in words how raw outputs become scores.
func (s Source) decoding() string {
	text, at := "", 0
	for i, h := range s.Heads {
		if i > 0 {
			text += "; "
		}
		text += fmt.Sprintf("channels %d to %d: %s, raw, %s", at, at+len(h.Outputs)-1, h.Name, h.Decode)
		at += len(h.Outputs)
	}
	return text
}

package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/bundle"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/signing"
	"github.com/cineloop/cineloop/run"
)

func init() { register(newBundleCmd) }

type bundleOptions struct {
	run.BundleOptions
	Dir       string
	KeyFile   string
	Statement string
	Format    string
	Licence   string
	JSON      bool
}

func newBundleCmd(io ioStreams) *cobra.Command {
	var opts bundleOptions
	cmd := &cobra.Command{
		Use:   "bundle RUN",
		Short: "Hand a trained run on: weights, plan, card, preprocessing and thresholds, signed",
		Long: `Write what a trained and evaluated run has learnt into one file (a name that ends in .cineloop or .zip) or a folder: weights in
safetensors, the plan, how images are prepared and scores are read, thresholds, and a model card with the intended use, the data, metrics
with intervals, subgroups and limits, as README.md and card.json. bundle.json has the size and SHA-256 of every file, and with --key a
signature. Equal runs give equal bytes.

A bundle holds no image, no key of an item or a patient, no file name; groups that fewer than 5 patients share are not named. --seen adds
digests of the items that the networks were trained on, so that an evaluation elsewhere can leave them out: who has one of these very
files can then tell that it was among them.

"cineloop evaluate BUNDLE --cohort TABLE" scores other data with it, to the same bits as the run.

--format monai writes a MONAI Bundle instead, a folder with configs/metadata.json, configs/inference.json and models/model.pt, for networks
that torchvision has a class for (r3d_18, mc3_18, r2plus1d_18, mvit_v2_s, and image networks on single frames) at their published
width. It takes arrays prepared as docs/preprocessing.json says.

--format onnx writes an ONNX model, opset 17: input [batch, …] prepared as its metadata says, and the raw outputs of every target by name. It takes
every network of "cineloop models" but those that use columns of a table or join the clips of a study, and needs the engine.

Exit status: 0 done, 2 a wrong flag or a network that the form does not take, 3 data that cannot be used, 4 libtorch is not installed, 6 no run there, or it is not trained or not evaluated, 7 --out is there
already, or a patient's key would be given away, 8 out of disk, 130 interrupted.`,
		Example: `  cineloop bundle keygen maker.key
  cineloop bundle runs/lus --out lus.cineloop --key maker.key --statement card.yaml
  cineloop bundle verify lus.cineloop --pub maker.key.pub
  cineloop bundle runs/lus --format onnx --out lus.onnx`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Dir, opts.Log = args[0], io.Err
			return runBundle(cmd.Context(), opts, io)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.Out, "out", "", "the bundle: a file NAME.cineloop or NAME.zip, or a folder")
	f.StringVar(&opts.KeyFile, "key", "", "file with the key that signs it")
	f.StringVar(&opts.Statement, "statement", "", "YAML with intended_use, out_of_scope, limits, authors, licence and the like")
	f.StringVar(&opts.Format, "format", formatPlain, "cineloop; monai for a MONAI Bundle (a folder); onnx for an ONNX model")
	f.StringVar(&opts.Licence, "licence", "", "file with the licence's text, for --format monai")
	f.BoolVar(&opts.Seen, "seen", false, "add digests of the items that the networks were trained on")
	f.BoolVar(&opts.JSON, "json", false, "print the manifest as JSON")
	cmd.AddCommand(newBundleShowCmd(io), newBundleVerifyCmd(io), newBundleKeygenCmd(io))
	return cmd
}

func runBundle(ctx context.Context, opts bundleOptions, io ioStreams) error {
	if opts.Out == "" {
		return fault.New(fault.Usage, "--out is needed: where the bundle goes")
	}
	var err error
	if opts.KeyFile != "" {
		if opts.Key, err = signing.LoadKey(opts.KeyFile); err != nil {
			return err
		}
	}
	if opts.Statement != "" {
		if opts.BundleOptions.Statement, err = bundle.ReadStatement(opts.Statement); err != nil {
			return err
		}
	}
	if err := opts.check(); err != nil {
		return err
	}
	if opts.Format == formatONNX {
		if err := run.ExportONNX(ctx, opts.Dir, opts.BundleOptions); err != nil {
			return err
		}
		fmt.Fprintln(io.Out, "ONNX model: "+opts.Out)
		return nil
	}
	if opts.Format == formatMONAI {
		var licence []byte
		if opts.Licence != "" {
			if licence, err = os.ReadFile(opts.Licence); err != nil {
				return fault.New(fault.NotFound, "the licence: %w", err)
			}
		}
		if err := run.BundleMONAI(ctx, opts.Dir, opts.BundleOptions, licence); err != nil {
			return err
		}
		fmt.Fprintln(io.Out, "MONAI bundle: "+opts.Out)
		return nil
	}
	m, err := run.Bundle(ctx, opts.Dir, opts.BundleOptions)
	if err != nil {
		return err
	}
	if opts.JSON {
		return printJSON(io.Out, m)
	}
	if opts.Key == nil {
		fmt.Fprintln(io.Err, "note: the bundle is not signed; --key FILE signs it")
	}
	printBundle(io, m)
	fmt.Fprintln(io.Out, "bundle: "+opts.Out)
	return nil
}

// The forms of a bundle.
const (
	formatPlain = "cineloop"
	formatMONAI = "monai"
	formatONNX  = "onnx"
)

// check refuses flags that the form has no use for.
func (o *bundleOptions) check() error {
	switch o.Format {
	case formatPlain:
		if o.Licence != "" {
			return fault.New(fault.Usage, "--licence goes with --format monai").WithHint("name it in the statement")
		}
	case formatMONAI, formatONNX:
		if o.Licence != "" && o.Format == formatONNX {
			return fault.New(fault.Usage, "--licence goes with --format monai")
		}
		if o.KeyFile != "" || o.Seen || o.JSON {
			return fault.New(fault.Usage, "--key, --seen and --json are for cineloop's own form")
		}
	default:
		return fault.New(fault.Usage, "--format %q", o.Format).WithHint("%s, %s or %s", formatPlain, formatMONAI, formatONNX)
	}
	return nil
}

func printBundle(io ioStreams, m *bundle.Manifest) {
	var size int64
	for _, f := range m.Files {
		size += f.Bytes
	}
	fmt.Fprintf(io.Out, "%s: %d networks, %d files, %.1f MB\n", m.Name, len(m.Networks), len(m.Files), float64(size)/1e6)
}

func newBundleKeygenCmd(io ioStreams) *cobra.Command {
	return &cobra.Command{
		Use:   "keygen FILE",
		Short: "Make a pair of keys for signing bundles",
		Long: `Writes a new Ed25519 key to FILE, readable by its owner alone, and its public half to FILE.pub, which goes to everybody who is to
check what was signed. Neither may be there yet.

Exit status: 0 done, 7 FILE or FILE.pub is there already.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			k := signing.NewKey()
			for _, f := range []struct {
				path string
				mode os.FileMode
				text []byte
			}{{args[0] + ".pub", 0o644, k.Public().Text()}, {args[0], 0o600, k.Text()}} {
				if err := writeNew(f.path, f.mode, f.text); err != nil {
					return err
				}
			}
			fmt.Fprintf(io.Out, "key %s: %s signs, %s.pub checks\n", k.Public().ID(), args[0], args[0])
			return nil
		},
	}
}

// writeNew writes a file that must not be there yet.
func writeNew(path string, mode os.FileMode, text []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if os.IsExist(err) {
		return fault.New(fault.Conflict, "%s is there already: a key is not replaced", path)
	}
	if err != nil {
		return fault.New(fault.Input, "%w", err)
	}
	if _, err := f.Write(text); err != nil {
		f.Close()
		return fault.New(fault.Input, "%w", err)
	}
	return f.Close()
}

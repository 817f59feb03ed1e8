package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/batch"
	"github.com/cineloop/cineloop/deid/pixels"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/store/bucket"
)

type deidOptions struct {
	In, Out    string
	Policy     string
	Key        string
	Quarantine string
	Workers    int
	JSON       bool
	DryRun     bool
	Strict     bool
	Escrow     string
	EscrowFor  string
}

func newDeidCmd(io ioStreams) *cobra.Command {
	var opts deidOptions
	cmd := &cobra.Command{
		Use:   "deid IN OUT --key FILE",
		Short: "Turn the hospital's DICOM into DICOM for research",
		Long: `Reads every file under IN and writes what may go out under OUT: PS3.15 Annex E by allow-list, new names, consistent pseudonyms, shifted dates.
What can't be read, understood or shown to be clean is held back with the reason; files that are no DICOM are never copied. IN is not changed.

--policy is a file, or a built-in policy: research (the default: descriptions, structured reports, graphics and pixels cleaned; patient characteristics,
shifted dates and safe private elements kept), basic, or basic with options joined by +, as in basic+retain-device+clean-descriptors. See
cineloop deid policy list.

OUT/manifest.jsonl has a line for each file, chained and signed; certificate.html and certificate.json say what was done; metadata.csv describes the
objects. None of them holds anything of the patients. With --quarantine the files that are held back are copied there, with an index that names their
sources: that folder is for people who may see patients.

IN and OUT may be in object storage: s3://bucket/prefix?region=…, gs://…, azblob://…, with the cloud's own credentials. Files then pass through a scratch
folder ($TMPDIR), a file for each worker at a time.

The same key, policy and input give the same bytes, with any number of workers. A run that was broken off is repeated with the same command.

Exit status: 0 done, also with files in quarantine; with --strict 5 if there are any; 2 wrong usage, 3 the input, key or policy can't be read, 6 not found,
7 OUT holds something else, 8 disk full, 130 interrupted.`,
		Example: `  cineloop deid keygen project.key
  cineloop deid pacs/ research/ --key project.key --quarantine held-back/
  cineloop deid one.dcm --dry-run --key project.key`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.In = args[0]
			if len(args) == 2 {
				opts.Out = args[1]
			}
			return runDeid(cmd.Context(), opts, io)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.Policy, "policy", "research", "policy file, or the name of a built-in policy")
	f.StringVar(&opts.Key, "key", os.Getenv("CINELOOP_DEID_KEY"), "file with the project's secret; default $CINELOOP_DEID_KEY")
	f.StringVar(&opts.Quarantine, "quarantine", "", "folder for copies of what is held back; it holds patients' data")
	f.IntVar(&opts.Workers, "workers", 0, "how many files at a time; default one for each processor")
	f.StringVar(&opts.Escrow, "escrow", "", "file for what the pseudonyms stand for, sealed; it holds patients' data")
	f.StringVar(&opts.EscrowFor, "escrow-for", "", "age recipients who can open the escrow, with commas; see cineloop deid escrow")
	f.BoolVar(&opts.JSON, "json", false, "print the summary as JSON")
	f.BoolVar(&opts.DryRun, "dry-run", false, "IN is one file: print what would become of each element; the output shows patient data")
	f.BoolVar(&opts.Strict, "strict", false, "exit with status 5 if anything is in quarantine")
	cmd.AddCommand(newDeidKeygenCmd(io), newDeidPolicyCmd(io), newDeidVerifyCmd(io), newDeidEscrowCmd(io), newDeidEnqueueCmd(io))
	cmd.AddCommand(newDeidReviewCmd(io), newDeidDevicesCmd(io))
	return cmd
}

func init() { register(newDeidCmd) }

// deidMasker is the masker that runs: the one that examines pixels where the policy asks for that, else the one that holds back what may carry text.
func deidMasker(pr *deid.Profile) deid.Masker {
	if pr.Policy.Pixels.Clean {
		return pixels.New()
	}
	return deid.Cautious{}
}

func runDeid(ctx context.Context, opts deidOptions, io ioStreams) error {
	small()
	profile, key, err := openDeid(opts.Policy, opts.Key)
	if err != nil {
		return err
	}
	if opts.DryRun {
		return dryRunDeid(opts, profile, key, io)
	}
	if opts.Out == "" {
		return fault.New(fault.Usage, "name the folder for the output, or ask for --dry-run")
	}
	if bucket.Is(opts.In) || bucket.Is(opts.Out) {
		return runDeidBucket(ctx, opts, profile, key, io)
	}
	book, seal, err := openEscrow(opts)
	if err != nil {
		return err
	}
	bar := progress.New(io.Err, "files", -1)
	s, err := batch.Run(ctx, batch.Options{In: opts.In, Out: opts.Out, Quarantine: opts.Quarantine, Profile: profile, Key: key, Masker: deidMasker(profile), Escrow: book, Workers: opts.Workers,
		Progress: func(done, _ int64) { bar.Set(done) }})
	bar.Close()
	if err == nil && book != nil {
		err = book.Write(opts.Escrow, seal...)
	}
	if err != nil {
		return err
	}
	return endDeid(io, opts, s)
}

func openDeid(policy, key string) (*deid.Profile, *deid.Key, error) {
	p, err := deid.LoadPolicy(policy)
	if err != nil {
		return nil, nil, err
	}
	profile, err := p.Compile()
	if err != nil {
		return nil, nil, err
	}
	if key == "" {
		return nil, nil, fault.New(fault.Usage, "--key is needed: the file with the project's secret").WithHint("make one with cineloop deid keygen FILE")
	}
	k, err := deid.LoadKey(key)
	return profile, k, err
}

// endDeid prints the summary, and is an error of code partial where --strict asks for it.
func endDeid(io ioStreams, opts deidOptions, s batch.Summary) error {
	if err := printDeid(io, opts, s); err != nil {
		return err
	}
	if opts.Strict && s.Quarantined > 0 {
		return fault.New(fault.Partial, "%d files are in quarantine", s.Quarantined)
	}
	return nil
}

func printDeid(io ioStreams, opts deidOptions, s batch.Summary) error {
	if opts.JSON {
		enc := json.NewEncoder(io.Out)
		enc.SetEscapeHTML(false)
		return enc.Encode(s)
	}
	fmt.Fprintf(io.Out, "%d files: %d written, %d in quarantine, %d no DICOM, %d left out by policy\n", s.Found, s.Written, s.Quarantined, s.Skipped, s.Dropped)
	reasons := make([]string, 0, len(s.Reasons))
	for r := range s.Reasons {
		reasons = append(reasons, r)
	}
	slices.SortFunc(reasons, func(a, b string) int {
		if s.Reasons[a] != s.Reasons[b] {
			return s.Reasons[b] - s.Reasons[a]
		}
		return strings.Compare(a, b)
	})
	for _, r := range reasons {
		fmt.Fprintf(io.Out, "%7d  %s\n", s.Reasons[r], r)
	}
	return nil
}

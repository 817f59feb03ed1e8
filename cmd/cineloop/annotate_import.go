package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/intake"
	"github.com/cineloop/cineloop/internal/fault"
)

// importOptions are those of annotate import alone.
type importOptions struct {
	intake.Settings
	intake.Options
	Map      []string
	Pictures string
}

var annotateImport = annotateCommand{use: "import", rest: "FILE...", short: "Bring readings that were made elsewhere", run: runAnnotateImport, args: cobra.MinimumNArgs(2),
	long: `Takes what files of other programs have as answers of --as: a model's readings, or earlier ones of people. The cases must be assigned to the
member; the project checks and measures, as if it were drawn in the browser. FILE is a file or a folder; what it is is seen from its contents:

  DICOM SR      reports of TID 1500: this program's, OHIF's, dcmjs's, highdicom's. A group's item is found by its tracking identifier, its finding, its codes
  DICOM SEG     binary and fractional, any number of segments. A segment's item is found by its tracking identifier, its type's code, its label
  COCO JSON     polygons, run lengths of both forms, boxes, keypoints. A category's item is found by its name
  VolumeTracings.csv of EchoNet-Dynamic: traces of the protocol's ejection fraction
  CSV           columns file, item, and one of choice, value, text, cannot_assess, points; image, frame, confidence where they are asked for

Where a file says what its points measure, this is held against the picture's scale: another size is refused, a missing unit is a warning, and the number
of record is always computed here. Pictures are found by SOP Instance UID, SHA-256, or file name; --pictures names a table (name, file or sop, frame)
for other names. --map 'NAME=ITEM' says which item something is.

What does not fit is listed with its reason, and the rest is taken; with --lock every reading is locked whose items were all taken. The same again adds
nothing. --dry-run checks and measures everything and writes nothing.

Exit status: 0 everything was taken, 2 wrong usage or not allowed, 3 something does not fit (the list says what), 6 no such file, 130 interrupted: bring
the same again.`,
	example: `  cineloop annotate import study predictions.csv --as net --lock
  cineloop annotate import study ohif/ --as ann --map 'Septum=septum' --dry-run
  cineloop annotate import study VolumeTracings.csv --as echonet --pictures loops.csv`,
	flags: func(c *cobra.Command, o *annotateOptions) {
		f := c.Flags()
		f.BoolVar(&o.Import.Lock, "lock", false, "lock the readings")
		f.BoolVar(&o.Import.DryRun, "dry-run", false, "check and measure, write nothing")
		f.StringArrayVar(&o.Import.Map, "map", nil, "NAME=ITEM: what a file calls it, and the protocol's item; may be repeated")
		f.StringVar(&o.Import.Pictures, "pictures", "", "table of pictures: name, and file or sop, and frame")
		f.StringVar(&o.Import.From, "reader", "", "whose answers are meant, of a file with several readers'")
		f.IntVar(&o.Import.Session, "session", 1, "session that the readings belong to")
		f.StringVar(&o.Import.Arm, "arm", "unaided", "arm that the readings belong to")
		f.Float64Var(&o.Import.Inside, "inside", 0.5, "share of the greatest fraction from which a pixel of a fractional segmentation is inside")
	}}

func runAnnotateImport(ctx context.Context, o annotateOptions, io ioStreams) error {
	set := o.Import.Settings
	set.Items = map[string]string{}
	for _, m := range o.Import.Map {
		i := strings.LastIndexByte(m, '=')
		if i < 1 || i == len(m)-1 {
			return fault.New(fault.Usage, "--map is NAME=ITEM")
		}
		set.Items[m[:i]] = m[i+1:]
	}
	if o.Import.Pictures != "" {
		f, err := os.Open(o.Import.Pictures)
		if err != nil {
			return fault.New(fault.NotFound, "the table of pictures: %w", err)
		}
		defer f.Close()
		set.Pictures = f
	}
	do := withProject
	if o.Import.DryRun {
		do = reading
	}
	if o.As == "" {
		return fault.New(fault.Usage, "--as names the member whose readings they become")
	}
	return do(o, func(p *annotate.Project) error {
		r, err := intake.NewReader(p, o.As, set)
		if err != nil {
			return err
		}
		for _, path := range o.Rest {
			if err := r.Path(ctx, path); err != nil {
				return err
			}
		}
		s, err := r.Bring(ctx, o.Import.Options)
		if err != nil {
			return err
		}
		if o.JSON {
			if err := printJSON(io.Out, s); err != nil {
				return err
			}
			return s.Err()
		}
		printImport(io, s)
		return s.Err()
	})
}

func printImport(io ioStreams, s *intake.Summary) {
	for _, w := range s.Warnings {
		fmt.Fprintf(io.Err, "%s: %s\n", w.Where, w.Words)
	}
	for _, x := range s.Refused {
		fmt.Fprintf(io.Err, "not taken: %s: %s\n", x.Where, x.Reason)
	}
	verb := ""
	if s.DryRun {
		verb = "dry run, nothing written: "
	}
	fmt.Fprintf(io.Out, "%s%d items: %d answers new, %d changed, %d as they were, in %d readings, %d locked; %d items of readings that were locked before; %d not taken\n",
		verb, s.Items, s.Answers, s.Changed, s.Same, s.Readings, s.Locked, s.Before, len(s.Refused))
}

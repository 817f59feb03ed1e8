package run

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"io"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/cohort/export"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/report"
)

// openData reads a recipe and its cohort and divides it, as a run would; a simulated study is written to opt.Out unless the recipe says
// where it is.
func openData(ctx context.Context, opt Options) (*Run, error) {
	plan, err := readRecipe(opt)
	if err != nil {
		return nil, err
	}
	r := &Run{Dir: Folder(opt.Out), Plan: plan, log: opt.Log}
	if plan.Phantom != nil && plan.Data.Root == "" {
		if opt.Out == "" {
			return nil, fault.New(fault.Usage, "%s simulates its data: say with --out where", opt.Recipe)
		}
		plan.Data.Root = opt.Out
	}
	if err := r.simulate(ctx, opt.DryRun); err != nil {
		return nil, err
	}
	return r, r.load(ctx)
}

// ExportCohort writes a recipe's items, with their truth and splits, in a format that other programs load. A dry run counts and writes
// nothing. Where the recipe simulates its data, the study is made beside the export's folder, under its name with "-study".
func ExportCohort(ctx context.Context, opt Options, to export.Options) (*export.Report, error) {
	data := opt
	data.Out = filepath.Clean(to.Out) + "-study"
	r, err := openData(ctx, data)
	if err != nil {
		return nil, err
	}
	if r.Cohort.Several() {
		return nil, fault.New(fault.Usage, "an export has one clip an item, and data.views makes studies of several").
			WithHint("take data.views out: every clip is then an item, and its columns say the study and the view")
	}
	if opt.DryRun {
		f, err := r.Cohort.Fingerprint(ctx, cohort.FingerprintOptions{})
		if err != nil {
			return nil, err
		}
		return &export.Report{Format: to.Format, Items: len(r.Cohort.Rows), Bytes: int64(f.Bytes.Mean * float64(len(r.Cohort.Rows))), Quarantine: append([]cohort.Quarantine{}, r.Cohort.Quarantine...)}, nil
	}
	bar := progress.New(r.log, "exporting", int64(len(r.Cohort.Rows)))
	to.Progress = func(n int) { bar.Set(int64(n)) }
	out, err := export.Write(ctx, r.Cohort, r.Splits, to)
	bar.Close()
	if err != nil {
		return nil, err
	}
	out.Quarantine = append(slices.Clone(r.Cohort.Quarantine), out.Quarantine...)
	return out, nil
}

// Description is what [DescribeCohort] finds.
type Description struct {
	Name     string              `json:"name"`
	Sheet    *cohort.DataSheet   `json:"sheet"`
	Files    *cohort.Fingerprint `json:"files"`
	Quality  []cohort.Verdict    `json:"quality"` // items with a doubt
	Warnings []string            `json:"warnings"`
	Page     string              `json:"page,omitempty"` // where the page was written
}

// The names of the data sheet in its folder.
const (
	dataSheetPage = "datasheet.html"
	dataSheetJSON = "datasheet.json"
)

// DescribeCohort decodes every item of a recipe's data once and writes the data sheet, a page and its JSON, into out; "" writes nothing.
func DescribeCohort(ctx context.Context, opt Options, out string) (*Description, error) {
	r, err := openData(ctx, opt)
	if err != nil {
		return nil, err
	}
	c := r.Cohort
	d := &Description{Name: r.Plan.Name, Sheet: c.Describe(r.Splits), Warnings: append([]string{}, c.Warnings...)}
	for _, s := range r.Splits {
		for _, w := range s.Warnings {
			d.Warnings = append(d.Warnings, fmt.Sprintf("split %q: %s", s.Name, w))
		}
	}
	if d.Files, err = c.Fingerprint(ctx, cohort.FingerprintOptions{}); err != nil {
		return nil, err
	}
	facts, err := r.inspect(ctx)
	if err != nil {
		return nil, err
	}
	d.Quality = slices.DeleteFunc(cohort.Quality(facts, cohort.QualityLimits{Expect: r.Plan.Data.Expect}), func(v cohort.Verdict) bool { return len(v.Doubts) == 0 })
	if out == "" {
		return d, nil
	}
	page, err := r.dataSheet(ctx, d)
	if err != nil {
		return nil, err
	}
	if err := mkdir(out); err != nil {
		return nil, err
	}
	d.Page = filepath.Join(out, dataSheetPage)
	if err := writeJSON(filepath.Join(out, dataSheetJSON), d); err != nil {
		return nil, err
	}
	return d, atomicfile.Write(d.Page, func(w io.Writer) error { return report.WriteDataSheet(w, *page) })
}

// inspect looks at every item, with a bar.
func (r *Run) inspect(ctx context.Context) ([]cohort.Facts, error) {
	bar := progress.New(r.log, "looking at items", int64(r.count(r.Cohort.All()).Items))
	defer bar.Close()
	return r.Cohort.Inspect(ctx, cohort.InspectOptions{Workers: r.Plan.Train.Threads, Progress: func(n int) { bar.Set(int64(n)) }})
}

func (r *Run) dataSheet(ctx context.Context, d *Description) (*report.DataSheetPage, error) {
	p := &report.DataSheetPage{Title: r.Plan.Name, Description: r.Plan.Description, Version: version.String(), Warnings: d.Warnings, Flow: r.flow(),
		Sheet: d.Sheet, Files: d.Files, Looked: len(r.Cohort.Rows), Doubts: d.Quality,
		Digests: []report.Fact{{Name: "table (SHA-256)", Value: d.Sheet.Sha256}, {Name: "files (SHA-256 of keys and sizes)", Value: d.Files.FilesDigest}}}
	if len(r.Splits) > 0 {
		p.Flow.Parts = r.flowParts(r.Splits[0])
	}
	var doubtful, plain []int
	doubt := make([]bool, len(r.Cohort.Rows))
	for _, v := range d.Quality {
		doubtful = append(doubtful, v.Row)
		doubt[v.Row] = true
	}
	for i := range r.Cohort.Rows {
		if !doubt[i] {
			plain = append(plain, i)
		}
	}
	for _, sheet := range []struct {
		rows    []int
		caption string
	}{{doubtful, "Items with a doubt; the number is the line of the table."}, {spread(plain, sheetItems), "Items without a doubt, spread over the table."}} {
		pic, err := r.contactSheet(ctx, sheet.rows, sheet.caption)
		if err != nil {
			return nil, err
		}
		if pic != nil {
			p.Sheets = append(p.Sheets, *pic)
		}
	}
	return p, nil
}

// sheetItems is how many items a contact sheet of the page shows.
const sheetItems = 24

// spread takes n of rows evenly.
func spread(rows []int, n int) []int {
	if len(rows) <= n {
		return rows
	}
	out := make([]int, n)
	for i := range out {
		out[i] = rows[i*len(rows)/n]
	}
	return out
}

// contactSheet draws up to sheetItems of the rows that can be read; nil when none can.
func (r *Run) contactSheet(ctx context.Context, rows []int, caption string) (*report.Picture, error) {
	var items []clip.SheetItem
	for _, i := range rows {
		if len(items) == sheetItems {
			break
		}
		c, err := clip.Open(r.Cohort.Rows[i].Path, clip.WithContext(ctx))
		if ctx.Err() != nil {
			return nil, fault.New(fault.Interrupted, "drawing the contact sheet: %w", ctx.Err())
		}
		if err != nil {
			continue // it is listed as unreadable
		}
		items = append(items, clip.SheetItem{Clip: c, Caption: fmt.Sprintf("line %d", r.Cohort.Rows[i].Line)})
	}
	if len(items) == 0 {
		return nil, nil
	}
	img, err := clip.ContactSheet(items, clip.SheetOptions{Columns: 6, Side: 160})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, err
	}
	return &report.Picture{URI: dataURI("image/png", b.Bytes()), Alt: fmt.Sprintf("contact sheet of %d items", len(items)), Caption: caption}, nil
}

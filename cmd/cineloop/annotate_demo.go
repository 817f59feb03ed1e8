package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	stdio "io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/intake"
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/annotate/sources"
	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/internal/access"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/stats"
	readingweb "github.com/cineloop/cineloop/web/reading"
)

//go:embed annotate_demo.yaml
var demoProtocol string

// demoPasswords is where the demonstration keeps the passwords that it made up: what it shows are simulated people.
const demoPasswords = "passwords.txt"

// makeDemoStudy makes a study of simulated hearts in dir, ready to be read with and without a model's answers, and prints who logs in with what. A
// project that is there stays as it is.
func makeDemoStudy(ctx context.Context, dir string, io ioStreams) (err error) {
	defer func() {
		if b, e := os.ReadFile(filepath.Join(dir, demoPasswords)); err == nil && e == nil {
			fmt.Fprint(io.Out, string(b))
		}
	}()
	if _, err := os.Stat(filepath.Join(dir, annotate.LogFile)); err == nil {
		return nil
	}
	cfg := phantom.Config{Seed: 7, Patients: 6, Views: []phantom.View{phantom.A4C, phantom.A2C}, Frames: 32, Height: 480, Width: 640, Preset: phantom.EchoNet, Tissue: true}
	loops := filepath.Join(dir, "loops")
	bar := progress.New(io.Err, "loops", int64(cfg.Patients*len(cfg.Views)))
	err = phantom.Write(ctx, loops, cfg, func(done, _ int) { bar.Set(int64(done)) })
	bar.Close()
	if err != nil {
		return err
	}
	// It becomes a project by its last step: one that was interrupted is made anew.
	made, err := os.MkdirTemp(dir, ".making-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(made)
	p, err := annotate.Create(ctx, made, "Demonstration", stats.Seed(7), "eve")
	if err != nil {
		return err
	}
	defer p.Close()
	do := func(who string, kind annotate.Kind, data any) {
		if err != nil {
			return
		}
		op := annotate.Op{Kind: kind}
		if data != nil {
			if op.Data, err = json.Marshal(data); err != nil {
				return
			}
		}
		if _, err = p.Do(ctx, who, op); err != nil {
			err = fmt.Errorf("the demonstration: %w", err)
		}
	}
	roles := map[string]policy.Role{"cora": policy.Coordinator, "ann": policy.Reader, "bob": policy.Reader, "dora": policy.Adjudicator, "otto": policy.Auditor}
	people := []string{"ann", "bob", "cora", "dora", "otto"}
	for _, name := range people {
		do("eve", annotate.MemberAdded, map[string]any{"name": name, "roles": []policy.Role{roles[name]}})
	}
	do("eve", annotate.MemberAdded, map[string]any{"name": "net", "roles": []policy.Role{policy.Service}, "model": "simulator 1"})
	do("cora", annotate.ProtocolSet, map[string]any{"yaml": demoProtocol})
	if err != nil {
		return err
	}
	found, err := sources.Folder(ctx, filepath.Join(loops, "dicom"), sources.Options{Alias: p.Pseudonym})
	if err != nil {
		return err
	}
	for _, c := range found.Cases {
		do("cora", annotate.CaseAdded, c)
	}
	do("cora", annotate.Assigned, nil)
	do("cora", annotate.PhaseSet, map[string]any{"phase": annotate.InReading})
	if err != nil {
		return err
	}
	if err := demoModel(ctx, p, loops, made); err != nil {
		return fmt.Errorf("the demonstration's model: %w", err)
	}
	if err := p.Close(); err != nil {
		return err
	}
	var words strings.Builder
	for _, name := range append(people, "eve") {
		role := string(roles[name])
		if name == "eve" {
			role = "administrator"
		}
		password := rand.Text()
		if err := access.SetPassword(filepath.Join(dir, readingweb.UsersFile), name, password); err != nil {
			return err
		}
		fmt.Fprintf(&words, "%-5s %-14s logs in with %s\n", name, role, password)
	}
	if err := os.WriteFile(filepath.Join(dir, demoPasswords), []byte(words.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(filepath.Join(made, annotate.LogFile), filepath.Join(dir, annotate.LogFile))
}

// demoModel reads every case as the model: the simulator's own outlines of the ventricle in the four-chamber view, and a grade that is wrong in one
// case of six, so that there is something to find.
func demoModel(ctx context.Context, p *annotate.Project, loops, scratch string) error {
	cohort, err := readTable(filepath.Join(loops, "cohort.csv"))
	if err != nil {
		return err
	}
	column := map[string]int{}
	for i, name := range cohort[0] {
		column[name] = i
	}
	grades := []string{"normal", "mildly reduced", "reduced"}
	read := [][]string{{"file", "item", "choice"}}
	fourChamber := map[string]bool{"FileName": true} // the heading's
	for _, r := range cohort[1:] {
		if r[column["view"]] != string(phantom.A4C) {
			continue
		}
		ef, err := strconv.ParseFloat(r[column["EF"]], 64)
		if err != nil {
			return fault.New(fault.Internal, "the simulator wrote no ejection fraction")
		}
		grade := 0
		switch {
		case ef < 40:
			grade = 2
		case ef < 53:
			grade = 1
		}
		if len(read) == 3 { // the wrong one
			grade = (grade + 2) % 3
		}
		name := r[column["FileName"]]
		read, fourChamber[name+".avi"] = append(read, []string{name + ".dcm", "function", grades[grade]}), true
	}
	tracings, err := readTable(filepath.Join(loops, "volume_tracings.csv"))
	if err != nil {
		return err
	}
	tracings = slices.DeleteFunc(tracings, func(r []string) bool { return !fourChamber[r[0]] })
	r, err := intake.NewReader(p, "net", intake.Settings{Which: intake.Which{Session: 1, Arm: protocol.Unaided}})
	if err != nil {
		return err
	}
	for name, table := range map[string][][]string{"grades.csv": read, "tracings.csv": tracings} {
		path := filepath.Join(scratch, name)
		if err := atomicfile.Write(path, func(w stdio.Writer) error { return csv.NewWriter(w).WriteAll(table) }); err != nil {
			return err
		}
		if err := r.Path(ctx, path); err != nil {
			return err
		}
	}
	s, err := r.Bring(ctx, intake.Options{Lock: true})
	if err == nil && len(s.Refused) > 0 {
		return fault.New(fault.Internal, "%d answers do not fit: %s", len(s.Refused), s.Refused[0].Reason)
	}
	return err
}

// readTable reads a table of the simulator's.
func readTable(path string) ([][]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err == nil && len(rows) < 2 {
		err = fault.New(fault.Internal, "the simulator wrote an empty table")
	}
	return rows, err
}

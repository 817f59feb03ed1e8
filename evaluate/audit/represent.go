package audit

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// Population is the share of each group among the people that the model is meant for: column -> group -> share, 0 to 1.
type Population map[string]map[string]float64

// ReadPopulation reads a CSV with the columns group, value and share: sex,F,0.51. Shares of a group sum to 1 at most. Errors of code input
// name the line.
func ReadPopulation(path string) (Population, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "no population at %s", path)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return DecodePopulation(f)
}

// DecodePopulation is [ReadPopulation] of a stream.
func DecodePopulation(r io.Reader) (Population, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = 3
	header, err := in.Read()
	if err != nil {
		return nil, fault.New(fault.Input, "population: line 1: %w", withoutContent(err))
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	if !slices.Equal(header, []string{"group", "value", "share"}) {
		return nil, fault.New(fault.Input, "population: line 1: the columns must be group,value,share")
	}
	p := Population{}
	sum := map[string]float64{}
	for {
		rec, err := in.Read()
		if err == io.EOF {
			return p, nil
		}
		if err != nil {
			return nil, fault.New(fault.Input, "population: %w", withoutContent(err))
		}
		line, _ := in.FieldPos(0)
		v, err := strconv.ParseFloat(rec[2], 64)
		if err != nil || !(v >= 0 && v <= 1) {
			return nil, fault.New(fault.Input, "population: line %d, column \"share\": not a share from 0 to 1", line)
		}
		if p[rec[0]] == nil {
			p[rec[0]] = map[string]float64{}
		}
		if _, twice := p[rec[0]][rec[1]]; twice {
			return nil, fault.New(fault.Input, "population: line %d: the group stands there twice", line)
		}
		p[rec[0]][rec[1]] = v
		if sum[rec[0]] += v; sum[rec[0]] > 1+1e-6 {
			return nil, fault.New(fault.Input, "population: line %d: the shares of %q sum to more than 1", line, rec[0])
		}
	}
}

func withoutContent(err error) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return fmt.Errorf("line %d: %w", p.Line, p.Err)
	}
	return err
}

// unknown says which groups of the population the table does not have.
func (p Population) unknown(attrs []Attribute) []string {
	var notes []string
	for _, a := range attrs {
		for _, value := range sortedKeys(p[a.Name]) {
			if !slices.Contains(a.Values, value) && p[a.Name][value] > 0 {
				notes = append(notes, fmt.Sprintf("%s = %s is %.3g %% of the population and nobody in the data", a.Name, value, 100*p[a.Name][value]))
			}
		}
	}
	return notes
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// represent is each group's share of the patients. A patient whose rows differ (another age band at another visit) counts in the group of
// the first.
func represent(a Attribute, patient []string, o Options) []Share {
	clusters := stats.Clusters(patient)
	count := make([]int, len(a.Values))
	for _, rows := range clusters {
		count[a.Of[rows[0]]]++
	}
	var out []Share
	for g, name := range a.Values {
		v := stats.Wilson(float64(count[g]), float64(len(clusters)), o.Level)
		s := Share{Attribute: a.Name, Group: name, Patients: count[g], Share: Measure{Value: evaluate.Number(float64(count[g]) / float64(len(clusters))),
			Low: evaluate.Number(v.Low), High: evaluate.Number(v.High), Method: v.Method}}
		if want, ok := o.Population[a.Name][name]; ok {
			target, ratio := evaluate.Number(want), evaluate.Number(math.NaN())
			if want > 0 {
				ratio = s.Share.Value / target
			}
			s.Target, s.Ratio = &target, &ratio
			switch {
			case v.High < want:
				s.Verdict = "fewer than in the population"
			case v.Low > want:
				s.Verdict = "more than in the population"
			default:
				s.Verdict = "as in the population, as far as these numbers tell"
			}
		}
		out = append(out, s)
	}
	return out
}

package run

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"os"
	"path/filepath"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/methods/explain"
)

//go:embed explain.gohtml
var explainPage string

var explainTemplate = template.Must(template.New("explain").Funcs(template.FuncMap{
	"number": func(v any) string {
		switch x := v.(type) {
		case *float64:
			if x == nil {
				return "–"
			}
			return fmt.Sprintf("%.2f", *x)
		case float64:
			return fmt.Sprintf("%.3g", x)
		}
		return fmt.Sprint(v)
	},
	"picture": func(string) (template.URL, error) { return "", nil },
	"curve":   func(i int, t RegionTest) template.HTML { return template.HTML(t.plot(i).SVG()) },
	"timing":  func(i int, t RegionTest) template.HTML { return template.HTML(t.timing(i).SVG()) },
	"inturn":  func(t *SerialTest) template.HTML { return template.HTML(t.plot().SVG()) },
	"trusted": func(f explain.Finding) bool { return f == explain.Supported },
}).Parse(explainPage))

// writeExplainPage writes index.html, one self-contained page.
func (r *Run) writeExplainPage(x *Tested) error {
	pictures := func(name string) (template.URL, error) {
		data, err := os.ReadFile(filepath.Join(r.Dir.Explain(), name))
		if err != nil {
			return "", err
		}
		return template.URL(dataURI("image/gif", data)), nil
	}
	var out bytes.Buffer
	t, err := explainTemplate.Clone()
	if err != nil {
		return err
	}
	if err := t.Funcs(template.FuncMap{"picture": pictures}).Execute(&out, x); err != nil {
		return fmt.Errorf("the page of explanations: %w", err)
	}
	return atomicfile.WriteBytes(x.Page, out.Bytes())
}

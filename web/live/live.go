package live

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
)

//go:embed page.html
var files embed.FS

const style = `:root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}body{max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.2rem}section{border-top:1px solid #8886;padding:1rem 0}h2{font-size:1rem;margin:0}p{margin:.2rem 0}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:1rem}figure{margin:.5rem 0}figcaption{font-size:.85rem}
svg{width:100%;height:auto;background:#8881}polyline{fill:none;stroke:#2a7de1;stroke-width:1.5}.dot{fill:#d9480f}text{font-size:9px;fill:currentColor}
progress{width:100%}.note{opacity:.75}`

// Page serves the runs under a folder, or one run.
type Page struct {
	root  string
	token string
	tmpl  *template.Template
	now   func() time.Time
}

const script = `const s=()=>fetch(location.pathname+"?part=1").then(r=>r.ok?r.text():Promise.reject()).then(t=>{document.querySelector("main").innerHTML=t})
.catch(()=>{}).finally(()=>setTimeout(s,document.hidden?15000:3000));setTimeout(s,3000)`

// New makes the page of root, a run's folder or one of runs. It is an error of code notfound if there is no such folder.
func New(root string) (*Page, error) {
	if st, err := os.Stat(root); err != nil || !st.IsDir() {
		return nil, fault.New(fault.NotFound, "%s is not there, or no folder", root).WithHint("give a run's folder, or one of runs, such as runs")
	}
	var b [16]byte
	rand.Read(b[:])
	p := &Page{root: root, token: hex.EncodeToString(b[:]), now: time.Now}
	p.tmpl = template.Must(template.ParseFS(files, "page.html"))
	return p, nil
}

// Path is where the page is: it holds the token.
func (p *Page) Path() string { return "/" + p.token + "/" }

// ServeHTTP answers for Path alone; anything else is not found, in a time that tells nothing of the token.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.URL.Path), []byte(p.Path())) != 1 {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this page is only read", http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'; script-src '"+hashOf(script)+"'; style-src '"+hashOf(style)+"'; frame-ancestors 'none'")
	name := "page"
	if r.URL.Query().Has("part") {
		name = "runs"
	}
	data := struct {
		Runs   []Run
		Script template.JS
		Style  template.CSS
	}{p.Runs(), script, style}
	if err := p.tmpl.ExecuteTemplate(w, name, data); err != nil {
		return // the browser went away
	}
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Runs are the trainings under the root, the latest first. A log that cannot be read is passed over: it may be about to be written.
func (p *Page) Runs() []Run {
	var out []Run
	_ = filepath.WalkDir(p.root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case d.IsDir() && path != p.root && (d.Name() == "checkpoints" || d.Name() == "cache" || strings.Count(path, string(filepath.Separator))-strings.Count(p.root, string(filepath.Separator)) > 4):
			return fs.SkipDir
		case d.Name() != "log.jsonl":
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		lines, err := learn.ReadLog(path)
		if err != nil {
			return nil
		}
		name, err := filepath.Rel(p.root, filepath.Dir(path))
		if err != nil || name == "." {
			name = filepath.Base(p.root)
		}
		run := summarise(lines)
		run.Name, run.Changed = name, info.ModTime()
		run.Idle = run.Stopped == "" && p.now().Sub(info.ModTime()) > idleAfter
		run.Epochs = epochsOf(filepath.Dir(path))
		run.Crashed = fileExists(filepath.Join(filepath.Dir(path), "crash.json"))
		out = append(out, run)
		return nil
	})
	slices.SortFunc(out, func(a, b Run) int { return b.Changed.Compare(a.Changed) })
	return out
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// epochsOf is the number of epochs that the plan in dir or above it asks for; 0 where there is none.
func epochsOf(dir string) int {
	for range 4 {
		if plan, err := learn.ReadPlan(filepath.Join(dir, "plan.yaml")); err == nil {
			return plan.Train.Epochs
		}
		dir = filepath.Dir(dir)
	}
	return 0
}

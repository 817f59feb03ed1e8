package browser

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// Browser is one page in a browser of its own.
type Browser struct {
	t       testing.TB
	in      io.WriteCloser
	session string

	mu      sync.Mutex
	next    int
	waiting map[int]chan answer
	errors  []string
}

type answer struct {
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// Start opens an empty page, or skips the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: the page is not looked at in a browser")
	}
	toBrowser, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, fromBrowser, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe", "--user-data-dir="+t.TempDir(), "about:blank")
	cmd.ExtraFiles = []*os.File{toBrowser, fromBrowser}
	if err := cmd.Start(); err != nil {
		t.Skipf("chromium does not start here: %v", err)
	}
	toBrowser.Close()
	fromBrowser.Close()
	b := &Browser{t: t, in: in, waiting: map[int]chan answer{}}
	go b.listen(out)
	t.Cleanup(func() {
		_, _ = b.send("", "Browser.close", nil)
		done := make(chan struct{})
		go func() { _ = cmd.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-done
		}
		in.Close()
		out.Close()
	})
	var targets struct {
		TargetInfos []struct{ TargetID, Type string }
	}
	b.must("", "Target.getTargets", nil, &targets)
	for _, ti := range targets.TargetInfos {
		if ti.Type == "page" {
			var s struct{ SessionID string }
			b.must("", "Target.attachToTarget", map[string]any{"targetId": ti.TargetID, "flatten": true}, &s)
			b.session = s.SessionID
		}
	}
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.must(b.session, domain+".enable", nil, nil)
	}
	return b
}

func (b *Browser) listen(r io.Reader) {
	in := bufio.NewReaderSize(r, 1<<20)
	for {
		msg, err := in.ReadBytes(0)
		if err != nil {
			b.mu.Lock()
			for id, c := range b.waiting {
				close(c)
				delete(b.waiting, id)
			}
			b.mu.Unlock()
			return
		}
		var m struct {
			ID     int
			Method string
			Params json.RawMessage
			answer
		}
		if json.Unmarshal(msg[:len(msg)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		switch {
		case m.ID != 0:
			if c := b.waiting[m.ID]; c != nil {
				c <- m.answer
				delete(b.waiting, m.ID)
			}
		case m.Method == "Runtime.exceptionThrown" || m.Method == "Log.entryAdded" && bytes.Contains(m.Params, []byte(`"level":"error"`)):
			b.errors = append(b.errors, string(m.Params))
		}
		b.mu.Unlock()
	}
}

func (b *Browser) send(session, method string, params any) (json.RawMessage, error) {
	b.mu.Lock()
	b.next++
	id, c := b.next, make(chan answer, 1)
	b.waiting[id] = c
	m := map[string]any{"id": id, "method": method}
	if params != nil {
		m["params"] = params
	}
	if session != "" {
		m["sessionId"] = session
	}
	msg, err := json.Marshal(m)
	if err == nil {
		_, err = b.in.Write(append(msg, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case a, ok := <-c:
		switch {
		case !ok:
			return nil, io.ErrUnexpectedEOF
		case a.Error != nil:
			return nil, fmt.Errorf("%s: %s", method, a.Error.Message)
		}
		return a.Result, nil
	case <-time.After(60 * time.Second):
		return nil, fmt.Errorf("%s: no answer", method)
	}
}

func (b *Browser) must(session, method string, params, result any) {
	b.t.Helper()
	raw, err := b.send(session, method, params)
	if err == nil && result != nil {
		err = json.Unmarshal(raw, result)
	}
	if err != nil {
		b.t.Fatalf("chromium: %v", err)
	}
}

// Size makes the page so many CSS pixels wide and high; touch makes it a telephone.
func (b *Browser) Size(width, height int, touch bool) {
	b.t.Helper()
	b.must(b.session, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch}, nil)
	b.must(b.session, "Emulation.setTouchEmulationEnabled", map[string]any{"enabled": touch}, nil)
}

// Scheme is "light" or "dark".
func (b *Browser) Scheme(scheme string) {
	b.t.Helper()
	b.must(b.session, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// Open goes to a URL and waits until it is loaded.
func (b *Browser) Open(url string) {
	b.t.Helper()
	b.must(b.session, "Page.navigate", map[string]any{"url": url}, nil)
	b.Wait(`document.readyState === "complete" && location.href !== "about:blank"`)
}

// Eval gives the value of an expression; a promise is waited for. It must be one that JSON can hold.
func (b *Browser) Eval(expr string) any {
	b.t.Helper()
	v, err := b.eval(expr)
	if err != nil {
		b.t.Fatalf("%s: %v", expr, err)
	}
	return v
}

func (b *Browser) eval(expr string) (any, error) {
	raw, err := b.send(b.session, "Runtime.evaluate", map[string]any{"expression": expr, "returnByValue": true, "awaitPromise": true})
	if err != nil {
		return nil, err
	}
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, err
	}
	if r.ExceptionDetails != nil {
		return nil, fmt.Errorf("%s %s", r.ExceptionDetails.Text, r.ExceptionDetails.Exception.Description)
	}
	return r.Result.Value, nil
}

// Wait waits until an expression is true.
func (b *Browser) Wait(expr string) {
	b.t.Helper()
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		v, err := b.eval(expr) // an error is that of a page on its way
		if err == nil && v == true {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("still not: %s (%v, %v); %v", expr, v, err, b.Errors())
		}
	}
}

// Type types text into what has the focus.
func (b *Browser) Type(text string) {
	b.t.Helper()
	b.must(b.session, "Input.insertText", map[string]any{"text": text}, nil)
}

// Key presses one key by its DOM name, as "ArrowRight" or "j".
func (b *Browser) Key(key string) {
	b.t.Helper()
	p := map[string]any{"type": "keyDown", "key": key}
	if len(key) == 1 {
		p["text"] = key
	}
	if key == "Enter" {
		p["text"], p["code"], p["windowsVirtualKeyCode"] = "\r", "Enter", 13
	}
	b.must(b.session, "Input.dispatchKeyEvent", p, nil)
	b.must(b.session, "Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key}, nil)
}

// Drag presses the left button at one place and lets it go at another.
func (b *Browser) Drag(x1, y1, x2, y2 int) {
	b.t.Helper()
	mouse := func(kind string, x, y int) {
		b.must(b.session, "Input.dispatchMouseEvent", map[string]any{"type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1}, nil)
	}
	mouse("mousePressed", x1, y1)
	for i := 1; i <= 4; i++ {
		mouse("mouseMoved", x1+(x2-x1)*i/4, y1+(y2-y1)*i/4)
	}
	mouse("mouseReleased", x2, y2)
}

// Wheel turns the wheel over a place.
func (b *Browser) Wheel(x, y, delta int) {
	b.t.Helper()
	b.must(b.session, "Input.dispatchMouseEvent", map[string]any{"type": "mouseWheel", "x": x, "y": y, "deltaX": 0, "deltaY": delta}, nil)
}

// Screenshot is what is seen, as PNG.
func (b *Browser) Screenshot(path string) {
	b.t.Helper()
	var r struct{ Data string }
	b.must(b.session, "Page.captureScreenshot", map[string]any{"format": "png"}, &r)
	png, err := base64.StdEncoding.DecodeString(r.Data)
	if err == nil {
		err = os.WriteFile(path, png, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// Errors are the exceptions and refusals (of the content security policy, say) that the page met so far.
func (b *Browser) Errors() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.errors...)
}

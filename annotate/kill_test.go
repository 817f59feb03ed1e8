package annotate

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestKilled: a project whose process is killed with -9 under load is opened again with every answer that was acknowledged, at least at the
// version that was, and goes on from there.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("ANNOTATE_CHILD"); dir != "" {
		putUntilKilled(t, dir)
	}
	if testing.Short() {
		t.Skip("-short: starts processes")
	}
	s := newStudy(t, "panel", 2)
	dir := s.Dir()
	readings := map[string]string{}
	for _, who := range []string{"ann", "bob", "carl"} {
		readings[who] = s.do(who, ReadingOpened, s.tasks(who)[0].Assignment, 0, nil).Object
		s.do(who, AnswerPut, "", 0, m{"reading": readings[who], "answer": m{"item": "note", "text": "0"}})
	}
	s.Close()
	for range 3 {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestKilled$")
		cmd.Env = append(os.Environ(), "ANNOTATE_CHILD="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		told := map[string]int{}
		sc := bufio.NewScanner(out)
		for n := 0; sc.Scan(); n++ {
			if n == 0 { // it is under way
				time.AfterFunc(100*time.Millisecond, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
			}
			var who string
			var version int
			if k, _ := fmt.Sscanf(sc.Text(), "ok %s %d.", &who, &version); k == 2 && strings.HasSuffix(sc.Text(), ".") {
				told[who] = version
			}
		}
		_ = cmd.Wait()
		if len(told) == 0 {
			t.Fatal("nothing was acknowledged")
		}
		p, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for who, version := range told {
			v, err := p.Reading(who, readings[who])
			if err != nil || v.Answers[0].Version < version {
				t.Errorf("%s was told of version %d: %+v, %v", who, version, v, err)
			}
		}
		p.Close()
	}
}

func putUntilKilled(t *testing.T, dir string) {
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"ann", "bob", "carl"} {
		go func() {
			list, _ := p.Worklist(who)
			v, err := p.Reading(who, list[0].Reading)
			if err != nil {
				os.Exit(3)
			}
			id, version := v.Answers[0].ID, v.Answers[0].Version
			data, _ := json.Marshal(m{"reading": v.ID, "answer": m{"item": "note", "text": strings.Repeat("x", 500)}})
			for {
				e, err := p.Do(context.Background(), who, Op{Kind: AnswerPut, Object: id, Base: version, Data: data})
				if err != nil {
					os.Exit(4)
				}
				version = e.Version
				fmt.Printf("ok %s %d.\n", who, version)
			}
		}()
	}
	select {}
}

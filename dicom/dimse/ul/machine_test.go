package ul

import (
	"fmt"
	"strings"
	"testing"
)

// standard is PS3.8 table 9-10 as it is printed: a row an event, a column a state from Sta1 to Sta13; a dot where the standard leaves the cell
// empty. AE-6 stands for "AE-6 (Sta3 / Sta13)", AR-8 for "AR-8 (Sta9 or Sta10)".
const standard = `
Evt1  AE-1-4 . . . . . . . . . . . .
Evt2  . . . AE-2-5 . . . . . . . . .
Evt3  . AA-1-13 AA-8-13 . AE-3-6 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-6-13
Evt4  . AA-1-13 AA-8-13 . AE-4-1 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-6-13
Evt5  AE-5-2 . . . . . . . . . . . .
Evt6  . AE-6-3 AA-8-13 . AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-7-13
Evt7  . . AE-7-6 . . . . . . . . . .
Evt8  . . AE-8-13 . . . . . . . . . .
Evt9  . . . . . DT-1-6 . AR-7-8 . . . . .
Evt10 . AA-1-13 AA-8-13 . AA-8-13 DT-2-6 AR-6-7 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-6-13
Evt11 . . . . . AR-1-7 . . . . . . .
Evt12 . AA-1-13 AA-8-13 . AA-8-13 AR-2-8 AR-8-9/10 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-6-13
Evt13 . AA-1-13 AA-8-13 . AA-8-13 AA-8-13 AR-3-1 AA-8-13 AA-8-13 AR-10-12 AR-3-1 AA-8-13 AA-6-13
Evt14 . . . . . . . AR-4-13 AR-9-11 . . AR-4-13 .
Evt15 . . AA-1-13 AA-2-1 AA-1-13 AA-1-13 AA-1-13 AA-1-13 AA-1-13 AA-1-13 AA-1-13 AA-1-13 .
Evt16 . AA-2-1 AA-3-1 . AA-3-1 AA-3-1 AA-3-1 AA-3-1 AA-3-1 AA-3-1 AA-3-1 AA-3-1 AA-2-1
Evt17 . AA-5-1 AA-4-1 AA-4-1 AA-4-1 AA-4-1 AA-4-1 AA-4-1 AA-4-1 AA-4-1 AA-4-1 AA-4-1 AR-5-1
Evt18 . AA-2-1 . . . . . . . . . . AA-2-1
Evt19 . AA-1-13 AA-8-13 . AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-8-13 AA-7-13`

func (a Action) name() string {
	names := map[Action]string{AE1: "AE-1", AE2: "AE-2", AE3: "AE-3", AE4: "AE-4", AE5: "AE-5", AE6: "AE-6", AE7: "AE-7", AE8: "AE-8", DT1: "DT-1", DT2: "DT-2",
		AR1: "AR-1", AR2: "AR-2", AR3: "AR-3", AR4: "AR-4", AR5: "AR-5", AR6: "AR-6", AR7: "AR-7", AR8: "AR-8", AR9: "AR-9", AR10: "AR-10",
		AA1: "AA-1", AA2: "AA-2", AA3: "AA-3", AA4: "AA-4", AA5: "AA-5", AA6: "AA-6", AA7: "AA-7", AA8: "AA-8"}
	return names[a]
}

// TestTransition holds every event in every state against the standard's table: 19 x 13 cells, on both sides.
func TestTransition(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(standard), "\n")
	if len(lines) != 19 {
		t.Fatalf("%d events", len(lines))
	}
	for i, line := range lines {
		cells := strings.Fields(line)[1:]
		if len(cells) != 13 {
			t.Fatalf("event %d has %d states", i+1, len(cells))
		}
		for j, cell := range cells {
			for _, requestor := range []bool{true, false} {
				act, next := Transition(State(j+1), Event(i+1), requestor)
				got := "."
				if act != None {
					got = fmt.Sprintf("%s-%d", act.name(), next)
				} else if next != State(j+1) {
					t.Errorf("Evt%d in Sta%d: nothing happens, but the state changes to %d", i+1, j+1, next)
				}
				want := cell
				if both, acceptor, ok := strings.Cut(cell, "/"); ok {
					want = both
					if !requestor {
						want = "AR-8-" + acceptor
					}
				}
				if got != want {
					t.Errorf("Evt%d in Sta%d, requestor %v: %s, want %s", i+1, j+1, requestor, got, want)
				}
			}
		}
	}
	for _, bad := range [][2]int{{0, 1}, {14, 1}, {1, 0}, {1, 20}} {
		if act, next := Transition(State(bad[0]), Event(bad[1]), true); act != None || next != State(bad[0]) {
			t.Errorf("state %d, event %d: %v", bad[0], bad[1], act)
		}
	}
}

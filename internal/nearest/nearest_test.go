package nearest

import "testing"

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"abc", "", 3}, {"", "ab", 2}, {"kitten", "sitting", 3}, {"epohcs", "epochs", 1}, {"ca", "abc", 3},
		{"größe", "grosse", 3}, {"lr", "lr", 0},
	} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if Distance(c.a, c.b) != Distance(c.b, c.a) {
			t.Errorf("Distance(%q, %q) is not symmetric", c.a, c.b)
		}
	}
}

func TestWord(t *testing.T) {
	keys := []string{"epochs", "batch_size", "lr", "Patient"}
	for word, want := range map[string]string{"epoch": "epochs", "batchsize": "batch_size", "LR": "lr", "patint": "Patient", "zzzz": "", "": ""} {
		got, ok := Word(word, keys)
		if got != want || ok != (want != "") {
			t.Errorf("Word(%q) = %q, %v; want %q", word, got, ok, want)
		}
	}
	if _, ok := Word("x", nil); ok {
		t.Error("a word was found among none")
	}
	if h := Hint("epoch", keys); h != `did you mean "epochs"?` {
		t.Error(h)
	}
	if h := Hint("zzzz", keys); h != "known: epochs, batch_size, lr, Patient" {
		t.Error(h)
	}
}

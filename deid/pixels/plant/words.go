package plant

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

var (
	families = strings.Fields("Abbott Baker Castillo Dvorak Eriksen Farouk Garnier Haas Ivanov Jensen Kowalski Lindqvist Moreau Nakamura Okafor Petrov Quinn Rossi Schmidt Takahashi Ueda Vasquez Weber Xu Yilmaz Zimmermann O'Neill Lefèvre Müller Núñez Smith Jones Chen Nguyen Ali")
	givens   = strings.Fields("Anna Boris Carla David Elena Fatima Georg Hanna Ivan Julia Karl Lucia Marta Nils Olga Paul Rosa Sven Tanja Ursula Viktor Wanda Yusuf Zoe John Mary")
	places   = []string{"ST MARY HOSPITAL", "General Hospital", "UNIV CLINIC", "City Medical Centre", "Klinikum Nord", "CHU Rangueil", "MEMORIAL HOSP", "Heart Centre", "Radiology Dept"}
	others   = []string{"Иванов Пётр", "Παπαδόπουλος", "Смирнова", "山田太郎", "김민수", "王小明", "Γεώργιος", "สมชาย"}
	settings = []string{"MI 1.2", "TIS 0.4", "HR 72 bpm", "15.0 cm", "45 Hz", "Gen", "C 50", "P Low", "2D", "PAT T: 37.0C", "Adult Echo", "S5-1", "FR 52Hz", "LV LAX", "A4C", "ZOOM"}
)

// Words invents one line of what devices print: names, numbers, dates, places, and settings that identify no one.
func Words(r *rand.Rand) string {
	pick := func(s []string) string { return s[r.IntN(len(s))] }
	digits := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('0' + r.IntN(10))
		}
		return string(b)
	}
	d, m, y := 1+r.IntN(28), 1+r.IntN(12), 1930+r.IntN(95)
	switch r.IntN(14) {
	case 0, 1:
		return pick(families) + ", " + pick(givens)
	case 2:
		return strings.ToUpper(pick(families) + "^" + pick(givens))
	case 3:
		return pick(givens) + " " + pick(families)
	case 4:
		return digits(6 + r.IntN(5))
	case 5:
		return fmt.Sprintf("ID: %s%s", string(rune('A'+r.IntN(26))), digits(5+r.IntN(4)))
	case 6:
		return fmt.Sprintf("%02d/%02d/%d", d, m, y)
	case 7:
		return fmt.Sprintf("DOB %02d-%s-%d", d, []string{"JAN", "Mar", "JUN", "Oct"}[r.IntN(4)], y)
	case 8:
		return fmt.Sprintf("%d%02d%02d %02d:%02d:%02d", y, m, d, r.IntN(24), r.IntN(60), r.IntN(60))
	case 9:
		return pick(places)
	case 10:
		return "ACC " + digits(7)
	case 11:
		return fmt.Sprintf("Dr. %s", pick(families))
	case 12:
		return pick(settings)
	}
	if r.IntN(3) == 0 {
		return pick(others)
	}
	return fmt.Sprintf("%s %s", strings.ToUpper(pick(families)), digits(4))
}

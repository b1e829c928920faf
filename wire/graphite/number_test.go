package graphite

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Doubles of few digits are written without looking for the fewest, which they have.
func TestAppendDouble_Thousandths(t *testing.T) {
	const seed = 20261127
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	same := func(f float64) {
		for _, f := range []float64{f, -f, math.Nextafter(f, math.Inf(1)), math.Nextafter(f, 0)} {
			if got, want := string(appendDouble(nil, f)), string(appendAnyDouble(nil, f)); got != want {
				t.Errorf("%x: %s, want %s", f, got, want)
			}
		}
	}
	for _, f := range []float64{0, 1, 10, 0.1, 0.001, 0.0005, 0.0015, 1e-6, 0.3, 1.005, 9.99, 99.999, 100, 999.9, 1000.001, 9999.999, 10000, 99999.99, 999999999999.999, 999999999999.9995, 1e12, 1e15, 1e21, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		same(f)
	}
	for range 200_000 {
		same(float64(random.Int64N(1<<random.IntN(62)+1)) / math.Pow10(random.IntN(6)))
		same(math.Abs(math.Float64frombits(random.Uint64()>>1)) * 0.5)
	}
}

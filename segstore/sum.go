package segstore

import "hash/crc32"

// A batch's checksum covers its head, which is known last, and its records. Those of a large batch are summed as they are laid, while the
// processor's cache has them, and the sums put together when it is closed: that the head stands before them moves its sum by as many bits as they
// have, and to move a CRC is to multiply it, as a polynomial over GF(2), by a power of x (zlib's crc32_combine).

// castagnoliPolynomial is CRC-32C's, its bits reversed as crc32 has them: the highest is the coefficient of x⁰.
const castagnoliPolynomial = crc32.Castagnoli

// followed is the CRC of a text with CRC a that is followed by one of n bytes with CRC b.
func followed(a, b uint32, n int) uint32 {
	for power := 3; n > 0; n, power = n>>1, power+1 { // 8 bits a byte
		if n&1 != 0 {
			a = product(a, powersOfX[power])
		}
	}
	return a ^ b
}

// powersOfX are x to 1, 2, 4, 8 and so on.
var powersOfX = func() (all [34]uint32) {
	all[0] = 1 << 30
	for i := 1; i < len(all); i++ {
		all[i] = product(all[i-1], all[i-1])
	}
	return all
}()

// product multiplies two polynomials modulo Castagnoli's.
func product(a, b uint32) (p uint32) {
	for ; a != 0; a <<= 1 {
		if a&(1<<31) != 0 {
			p ^= b
		}
		low := b & 1
		b >>= 1
		if low != 0 {
			b ^= castagnoliPolynomial
		}
	}
	return p
}

// Sum sums what was laid since it was summed last. It need not be called: what is not summed when the batch is closed is summed then.
func (d *Draft) Sum() {
	d.finish()
	at := BatchOverhead + d.summed
	d.sum = crc32.Update(d.sum, castagnoli, d.bytes[at:])
	d.summed = len(d.bytes) - BatchOverhead
}

// SumOpen takes the checksum of what the open batch has got since it was called last, while the processor's cache has it. It may be left out, and is
// worth it where that was much.
func (l *Log) SumOpen() {
	if l.open.count > 0 {
		l.open.Sum()
	}
}

// checksum is that of the whole batch, whose head is written.
func (d *Draft) checksum() uint32 {
	if d.summed == 0 {
		return crc32.Checksum(d.bytes[atAttributes:], castagnoli)
	}
	head := followed(crc32.Checksum(d.bytes[atAttributes:BatchOverhead], castagnoli), d.sum, d.summed)
	return crc32.Update(head, castagnoli, d.bytes[BatchOverhead+d.summed:])
}

#include "go_asm.h"
#include "textflag.h"

// The bytes that are sought, each to be spread over a register.
DATA sought<>+0(SB)/8, $"\"\\,:{}\x20\x1f"
GLOBL sought<>(SB), RODATA|NOPTR, $8

// JSON's white space, each at the place of its low four bits, in both halves of a register. A byte that is looked up by its own low four
// bits and found unchanged is white space: no other stands in its own place, and one of 0x80 or more finds 0.
DATA spaces<>+0x00(SB)/8, $"\x20\x00\x00\x00\x00\x00\x00\x00"
DATA spaces<>+0x08(SB)/8, $"\x00\x09\x0a\x00\x00\x0d\x00\x00"
DATA spaces<>+0x10(SB)/8, $"\x20\x00\x00\x00\x00\x00\x00\x00"
DATA spaces<>+0x18(SB)/8, $"\x00\x09\x0a\x00\x00\x0d\x00\x00"
GLOBL spaces<>(SB), RODATA|NOPTR, $32

DATA digits<>+0(SB)/1, $"0"
DATA nine<>+0(SB)/1, $9
GLOBL digits<>(SB), RODATA|NOPTR, $1
GLOBL nine<>(SB), RODATA|NOPTR, $1

// Every second byte of a block.
DATA odd<>+0(SB)/8, $0xaaaaaaaaaaaaaaaa
GLOBL odd<>(SB), RODATA|NOPTR, $8

// R14 is b, DI the marks of the block, SI its bytes. A set of the block's bytes is in a register or a field; the names are of what is in
// them when they are named. AX, CX and DX have what is needed shortly.
#define QUOTE   R8
#define SLASH   R9
#define CONTROL R10
#define SPACE   R11
#define COMMA   R12
#define COLON   R13
#define OPEN    R15
#define SHUT    BX

#define carryEscaped   (blocks_carry+carry_escaped)(R14)
#define carryInString  (blocks_carry+carry_inString)(R14)
#define carryNaming    (blocks_carry+carry_naming)(R14)
#define carryScalar    (blocks_carry+carry_scalar)(R14)
#define carryComma     (blocks_carry+carry_comma)(R14)
#define carryColon     (blocks_carry+carry_colon)(R14)
#define carryOpen      (blocks_carry+carry_open)(R14)
#define carryName      (blocks_carry+carry_name)(R14)
#define notInArray     marks_misplaced(DI)
#define notInObject    (marks_misplaced+8)(DI)

// SET makes a set of the bytes in lo and hi that have their highest bit.
#define SET(lo, hi, set) \
	VPMOVMSKB lo, set; \
	VPMOVMSKB hi, AX; \
	SHLQ      $32, AX; \
	ORQ       AX, set

// EQUAL makes a set of the bytes in lo and hi that are the one spread over byte.
#define EQUAL(lo, hi, byte, set) \
	VPCMPEQB lo, byte, Y4; \
	VPCMPEQB hi, byte, Y5; \
	SET(Y4, Y5, set)

// AFTER makes of a set the bytes after its own, with nothing but space between. Moved on by one, each bit is either there already, or
// the first of a row of spaces, to which adding it carries to the row's end. AX is lost.
#define AFTER(set, carried) \
	MOVQ  set, AX; \
	SHRQ  $63, AX; \
	ADDQ  set, set; \
	ORQ   carried, set; \
	ADDQ  SPACE, set; \
	ADCQ  $0, AX; \
	MOVQ  AX, carried; \
	ANDNQ set, SPACE, set

// func markBlocks(b *blocks, src *byte, size int)
TEXT ·markBlocks(SB), NOSPLIT, $8-24
	MOVQ b+0(FP), R14
	MOVQ src+8(FP), SI
	LEAQ blocks_marks(R14), DI

	VPBROADCASTB sought<>+0(SB), Y15 // "
	VPBROADCASTB sought<>+1(SB), Y14 // \
	VPBROADCASTB sought<>+2(SB), Y13 // ,
	VPBROADCASTB sought<>+3(SB), Y12 // :
	VPBROADCASTB sought<>+4(SB), Y11 // {
	VPBROADCASTB sought<>+5(SB), Y10 // }
	VPBROADCASTB sought<>+6(SB), Y9  // 0x20
	VPBROADCASTB sought<>+7(SB), Y8  // 0x1f
	VMOVDQU      spaces<>(SB), Y7
	VPBROADCASTB digits<>+0(SB), Y6

block:
	// The 64 bytes; of a last block that is short, those that end where the source does. CX is then less than 0 by what it lacks.
	MOVQ    size+16(FP), CX
	SUBQ    $64, CX
	JGE     whole
	ADDQ    CX, SI

whole:
	MOVQ    CX, size+16(FP)
	VMOVDQU 0(SI), Y0
	VMOVDQU 32(SI), Y1

	// What each byte is, in a string or not.
	EQUAL(Y0, Y1, Y15, QUOTE)
	EQUAL(Y0, Y1, Y14, SLASH)

	// A control byte: the smaller of it and 0x1f is itself.
	VPMINUB  Y0, Y8, Y2
	VPMINUB  Y1, Y8, Y3
	VPCMPEQB Y0, Y2, Y2
	VPCMPEQB Y1, Y3, Y3
	SET(Y2, Y3, CONTROL)

	// A block with none of these and all within a string has no marks, and carries what it was carried.
	MOVQ QUOTE, AX
	ORQ  SLASH, AX
	ORQ  CONTROL, AX
	JZ   text

others:
	EQUAL(Y0, Y1, Y13, COMMA)
	EQUAL(Y0, Y1, Y12, COLON)

	VPSHUFB  Y0, Y7, Y2
	VPSHUFB  Y1, Y7, Y3
	VPCMPEQB Y0, Y2, Y2
	VPCMPEQB Y1, Y3, Y3
	SET(Y2, Y3, SPACE)

	// A digit: less '0', the smaller of it and 9 is itself.
	VPBROADCASTB nine<>+0(SB), Y2
	VPSUBB   Y6, Y0, Y3
	VPMINUB  Y3, Y2, Y4
	VPCMPEQB Y3, Y4, Y4
	VPSUBB   Y6, Y1, Y3
	VPMINUB  Y3, Y2, Y5
	VPCMPEQB Y3, Y5, Y5
	SET(Y4, Y5, DX)

	// '[' and ']' are '{' and '}' without 0x20, and no other byte becomes one of those with it.
	VPOR Y0, Y9, Y2
	VPOR Y1, Y9, Y3
	EQUAL(Y2, Y3, Y11, OPEN)
	EQUAL(Y2, Y3, Y10, SHUT)

	TESTQ CX, CX
	JLT   short

sorted:
	MOVQ DX, marks_digits(DI)

	// AX = what is escaped. Where there are no backslashes, and the last block's last byte was none that escapes, nothing is.
	MOVQ carryEscaped, AX
	ORQ  SLASH, AX
	JZ   unescaped

	// In a row of backslashes the first escapes the second, the third the fourth, and so on. With the backslashes moved on by one in a word
	// of all odd bytes, taking away the backslashes borrows along each row: what then differs from the odd bytes is every byte of the row
	// that escapes, and of a row of an odd number also the byte after it. (This, and the product below, are simdjson's.)
	MOVQ  carryEscaped, AX
	ANDNQ SLASH, AX, SLASH
	LEAQ  (SLASH)(SLASH*1), DX
	ORQ   odd<>(SB), DX
	SUBQ  SLASH, DX
	XORQ  odd<>(SB), DX
	ORQ   SLASH, AX
	XORQ  DX, AX    // escaped
	ANDQ  SLASH, DX // escaping
	SHRQ  $63, DX
	MOVQ  DX, carryEscaped
	ANDNQ QUOTE, AX, QUOTE

unescaped:
	MOVQ AX, marks_escaped(DI)

	// AX = what is in strings, from the opening quote to before the closing one: the parity of the quotes up to each byte, which is the
	// carry-less product with all ones.
	VPCMPEQB   X3, X3, X3
	VMOVQ      QUOTE, X2
	VPCLMULQDQ $0, X3, X2, X2
	VMOVQ      X2, AX
	XORQ       carryInString, AX
	MOVQ       AX, string-8(SP)
	MOVQ       AX, DX
	SARQ       $63, DX
	MOVQ       DX, carryInString

	// R10 = wrong, R9 = the opening quotes, R8 = the closing ones, DX = strings with both.
	ANDQ  AX, R10
	MOVQ  QUOTE, DX
	ORQ   AX, DX
	MOVQ  QUOTE, R9
	ANDQ  AX, R9
	ANDNQ QUOTE, AX, R8

	// The others, outside strings. DX = scalars, what is none of all these; CX = their first bytes.
	ANDNQ SPACE, DX, SPACE
	ANDNQ COMMA, DX, COMMA
	ANDNQ COLON, DX, COLON
	ANDNQ OPEN, DX, OPEN
	ANDNQ SHUT, DX, SHUT
	ORQ   SPACE, DX
	ORQ   COMMA, DX
	ORQ   COLON, DX
	ORQ   OPEN, DX
	ORQ   SHUT, DX
	NOTQ  DX
	MOVQ  DX, marks_scalar(DI)
	LEAQ  (DX)(DX*1), CX
	ORQ   carryScalar, CX
	ANDNQ DX, CX, CX
	MOVQ  CX, marks_starts(DI)
	SHRQ  $63, DX
	MOVQ  DX, carryScalar

	// CX = where values begin.
	ORQ R9, CX
	ORQ OPEN, CX

	MOVQ OPEN, DX
	ORQ  SHUT, DX
	MOVQ DX, marks_brackets(DI)

	// Commas and colons stay in DX and in memory; the registers have what comes after them.
	MOVQ  COMMA, DX
	MOVQ  COLON, notInArray
	AFTER(COMMA, carryComma)
	AFTER(COLON, carryColon)
	AFTER(OPEN, carryOpen)

	// Wrong: a closing bracket after a comma or colon.
	MOVQ COMMA, AX
	ORQ  COLON, AX
	ANDQ SHUT, AX
	ORQ  AX, R10

	// R12 = after a comma or an opening bracket; R13 = after these or a colon. Wrong: a comma there, or a value elsewhere.
	ORQ   OPEN, R12
	ORQ   R12, R13
	ANDQ  R13, DX
	ORQ   DX, R10
	ANDNQ CX, R13, AX
	ORQ   AX, R10

	// CX = misplaced in an object: of the values in R12 those that are no strings.
	ANDQ  R12, CX
	ANDNQ CX, R9, CX

	// Of the strings in R12 the ends: added to what is in strings, an opening quote carries to the closing one. R9 = what comes after.
	ANDQ R12, R9
	MOVQ carryNaming, DX
	ADDQ DX, DX
	ADCQ string-8(SP), R9
	SBBQ DX, DX
	MOVQ DX, carryNaming
	ANDQ R8, R9
	AFTER(R9, carryName)

	// A colon must come after one of these and is wrong elsewhere; where anything else comes, that is misplaced in an object.
	MOVQ  notInArray, DX
	ANDNQ DX, R9, AX
	ORQ   AX, R10
	ANDNQ R9, DX, AX
	ORQ   AX, CX
	MOVQ  R10, marks_wrong(DI)
	MOVQ  CX, notInObject

marked:
	ADDQ $64, SI
	ADDQ $marks__size, DI
	CMPQ size+16(FP), $0
	JGT  block

	VZEROUPPER
	RET

text:
	CMPQ carryInString, $0
	JEQ  others
	CMPQ carryEscaped, $0
	JNE  others
	MOVQ AX, marks_brackets(DI)
	MOVQ AX, marks_wrong(DI)
	MOVQ AX, notInArray
	MOVQ AX, notInObject
	MOVQ AX, marks_starts(DI)
	MOVQ AX, marks_escaped(DI)
	JMP  marked

short:
	// The bits of the bytes before the block are moved out, and the bits that come in are of space.
	NEGQ  CX
	SHRXQ CX, QUOTE, QUOTE
	SHRXQ CX, SLASH, SLASH
	SHRXQ CX, CONTROL, CONTROL
	SHRXQ CX, COMMA, COMMA
	SHRXQ CX, COLON, COLON
	SHRXQ CX, OPEN, OPEN
	SHRXQ CX, SHUT, SHUT
	SHRXQ CX, SPACE, SPACE
	SHRXQ CX, DX, DX
	MOVQ  $-1, AX
	SHRXQ CX, AX, AX
	NOTQ  AX
	ORQ   AX, SPACE
	JMP   sorted

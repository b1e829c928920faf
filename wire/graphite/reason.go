package graphite

import "penstock/wire"

// reason is why a point is not taken; taken is none.
type reason uint8

const (
	taken reason = iota

	tooFewWords
	tooFewParts
	emptyName
	longName
	noTags
	badTag
	templateDrops
	notANumber
	numberTooLong
	numberTooLarge
	notFinite
	notATime
	timeTooLarge
	notAPoint
)

// reasons is each reason's code and what it says to a person. The details are constants: they outlive any batch.
var reasons = [...]struct {
	code   wire.Code
	detail []byte
}{
	taken:          {wire.OK, nil},
	tooFewWords:    {wire.BadLine, []byte("a line is: name value timestamp")},
	tooFewParts:    {wire.Dropped, []byte("the host tag parser needs a name of three dotted parts or more")},
	emptyName:      {wire.BadName, []byte("the name is empty")},
	longName:       {wire.BadName, []byte("the name is longer than a line may be")},
	noTags:         {wire.Dropped, []byte("the graphite tag parser needs a name with tags: name;tag=value")},
	badTag:         {wire.BadTag, []byte("tags are ;tag=value, neither may be empty, and each tag comes once")},
	templateDrops:  {wire.Dropped, []byte("the template for this name drops it")},
	notANumber:     {wire.BadNumber, []byte("the value is not a number")},
	numberTooLong:  {wire.BadNumber, []byte("the number has more than 64 bytes")},
	numberTooLarge: {wire.BadNumber, []byte("the value does not fit")},
	notFinite:      {wire.Dropped, []byte("NaN and infinity are not kept")},
	notATime:       {wire.BadTime, []byte("the timestamp is not a number of seconds")},
	timeTooLarge:   {wire.BadTime, []byte("the timestamp does not fit")},
	notAPoint:      {wire.BadField, []byte("a point is: (name, (timestamp, value))")},
}

module pairing-tracker/story

go 1.23

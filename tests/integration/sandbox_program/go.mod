module example.test/sandbox

go 1.22

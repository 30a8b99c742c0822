module example.com/rome

go 1.21

package main

import (
	"fmt"

	"github.com/alecthomas/kingpin/v2"
	"github.com/alecthomas/kong"
	"github.com/caarlos0/env/v11"
	"github.com/kelseyhightower/envconfig"
	kenv "github.com/knadh/koanf/providers/env"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	"github.com/urfave/cli/v2"
)

type tagged struct {
	Key string `env:"SIGNING_KEY,required"`
	DB  struct {
		Host string `env:"HOST" envDefault:"localhost"`
	} `envPrefix:"DB_"`
}

type configured struct {
	Debug    bool
	PoolSize int    `split_words:"true" default:"5" desc:"of connections"`
	Password string `required:"true"`
}

type parsed struct {
	Level string `env:"KONG_LEVEL" default:"warn" help:"of the log"`
}

func main() {
	var a tagged
	_ = env.Parse(&a)
	var b configured
	envconfig.MustProcess("svc", &b)
	var c parsed
	kong.Parse(&c)
	viper.SetEnvPrefix("vip")
	viper.AutomaticEnv()
	viper.SetDefault("timeout", "30s")
	_ = viper.BindEnv("other", "OTHER_NAME")
	k := koanf.New(".")
	_ = k.Load(kenv.Provider("KOANF_", ".", nil), nil)
	command := &cobra.Command{Use: "app", Run: func(*cobra.Command, []string) {}}
	command.Flags().StringP("output", "o", "json", "how to print")
	command.Flags().StringSlice("tag", []string{"a", "b"}, "which")
	_ = command.MarkFlagRequired("output")
	app := &cli.App{Flags: []cli.Flag{
		&cli.IntFlag{Name: "port", EnvVars: []string{"CLI_PORT", "PORT"}, Value: 8080, Usage: "to listen on"},
	}}
	_ = app.Run(nil)
	_ = command.Execute()
	key := kingpin.Flag("key.file", "where the key is").Default("/key").Envar("KEY_FILE").String()
	kingpin.Parse()
	fmt.Println(a, b, c, *key, viper.GetString("timeout"), k.Keys())
}

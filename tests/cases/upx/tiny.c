/* gcc -static -nostdlib -O1 -fno-asynchronous-unwind-tables, strip, upx */
static const char text[40000] = "whit reads what UPX packed";
static long call(long n, long a, long b, long c){long r;__asm__ volatile("syscall":"=a"(r):"a"(n),"D"(a),"S"(b),"d"(c):"rcx","r11","memory");return r;}
void _start(void){call(1,1,(long)text,26);call(60,0,0,0);for(;;);}

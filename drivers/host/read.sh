# What Branchfleet reads of a Linux host: it looks, and changes nothing. Plain POSIX sh, for dash, bash and busybox.
# It comes by the standard input of /bin/sh, behind two lines that set the markers. Each line it says is KEY=VALUE, or
# unread.KEY=WHY: rights (this user may not read it) or absent (what would tell it is not there). Nothing is guessed.
{
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL

say() { printf '%s=%s\n' "$1" "$(printf '%s' "$2" | tr '\n\r' '  ' | cut -c 1-300)"; }

unread() { printf 'unread.%s=%s\n' "$1" "$2"; }

# say_file KEY FILE: its first line
say_file() {
    if [ ! -e "$2" ]; then unread "$1" absent
    elif [ ! -r "$2" ]; then unread "$1" rights
    else say "$1" "$(head -n 1 "$2" 2>/dev/null | tr -d '\000')"
    fi
}

limited() { if command -v timeout >/dev/null 2>&1; then timeout 8 "$@"; else "$@"; fi; }

release() { sed -n "s/^$1=//p" /etc/os-release 2>/dev/null | head -n 1; }

read_system() {
    say name "$(uname -n)"
    say kernel "$(uname -r)"
    if [ -r /etc/os-release ]; then
        say os "$(release PRETTY_NAME)"
    else unread os absent
    fi
    if [ -r /proc/uptime ]; then say uptime "$(cut -d ' ' -f 1 /proc/uptime)"; else unread uptime absent; fi
}

read_machine() {
    if [ -d /sys/class/dmi/id ]; then
        say_file maker /sys/class/dmi/id/sys_vendor
        say_file model /sys/class/dmi/id/product_name
        say_file serial /sys/class/dmi/id/product_serial
    else
        unread maker absent
        say_file model /proc/device-tree/model
        say_file serial /proc/device-tree/serial-number
    fi
}

# user nice system idle iowait irq softirq steal of all processors together
busy() { awk '$1 == "cpu" { print $2 + $3 + $4 + $7 + $8 + $9, $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9 }' /proc/stat; }

read_load() {
    if [ ! -r /proc/stat ]; then unread cpu.load absent; return; fi
    first=$(busy)
    sleep 1
    load=$(printf '%s\n%s\n' "$first" "$(busy)" |
        awk 'NR == 1 { b = $1; t = $2 } NR == 2 && $2 > t { printf "%.1f", 100 * ($1 - b) / ($2 - t) }')
    if [ -n "$load" ]; then say cpu.load "$load"; else unread cpu.load absent; fi
}

read_memory() {
    kept=$(awk '$1 == "MemTotal:" { t = $2 } $1 == "MemAvailable:" { a = $2; has = 1 }
        END { if (t && has) printf "%d %.1f", t / 1024, 100 * (t - a) / t }' /proc/meminfo 2>/dev/null)
    if [ -n "$kept" ]; then
        say memory.size "${kept% *}"
        say memory.used "${kept#* }"
    else
        unread memory.used absent
    fi
}

# The fullest of the local disks that are written to; as df rounds it, with what only root may fill counted as used.
read_disk() {
    fullest=$(limited df -P -k -l 2>/dev/null | awk '
        NR > 1 && $1 ~ /^\/dev\/|^overlay$/ && $1 !~ /^\/dev\/(loop|sr)/ && $5 ~ /^[0-9]+%$/ {
            used = substr($5, 1, length($5) - 1) + 0
            if (used > most || !seen) { most = used; seen = 1; at = $6; for (i = 7; i <= NF; i++) at = at " " $i }
        } END { if (seen) print most, at }')
    if [ -n "$fullest" ]; then
        say disk.used "${fullest%% *}"
        say disk "${fullest#* }"
    else
        unread disk.used absent
    fi
}

# A package asked for it; or a newer kernel is installed, or the same one anew since the boot.
read_reboot() {
    if [ -e /run/reboot-required ] || [ -e /var/run/reboot-required ]; then say reboot pending; return; fi
    running=$(uname -r)
    newest=$(ls /boot 2>/dev/null | sed -n 's/^vmlinu[xz]-//p' | grep -v rescue | sort -V 2>/dev/null | tail -n 1)
    booted=$(sed -n 's/^btime //p' /proc/stat 2>/dev/null)
    came=$(stat -c %Z "/boot/vmlinuz-$running" 2>/dev/null)
    if [ -e /boot ] && [ ! -r /boot ]; then unread reboot rights
    elif [ -z "$newest" ] || [ -z "$booted" ]; then unread reboot absent # a container, say: it has no kernel of its own
    elif [ "$newest" != "$running" ] || { [ -n "$came" ] && [ "$came" -gt "$booted" ]; }; then say reboot pending
    else say reboot none
    fi
}

# in_container PROC-FOLDER: it has a number of its own in a PID namespace below, and guards that alone
in_container() { awk '$1 == "NSpid:" && NF > 2 { there = 1 } END { exit !there }' "$1/status" 2>/dev/null; }

has_clamd() {
    for comm in /proc/[0-9]*/comm; do
        read -r is < "$comm" && [ "$is" = clamd ] && ! in_container "${comm%/comm}" && return 0
    done 2>/dev/null
    return 1
}

# The second a library was made stands at the end of the 512 bytes it begins with.
made() {
    head -c 512 "$1" 2>/dev/null | tr -d '\000' | sed -n '1s/^ClamAV-VDB:.*:\([0-9][0-9]*\) *$/\1/p'
}

read_antivirus() {
    command -v clamd >/dev/null 2>&1 || return
    if has_clamd; then say antivirus running
    elif [ ! -r /proc/1/comm ]; then unread antivirus rights # other users' processes are hidden from this one
    else say antivirus stopped
    fi
    if [ -d /var/lib/clamav ] && [ ! -x /var/lib/clamav ]; then unread antivirus.age rights; return; fi
    newest=
    for library in /var/lib/clamav/daily.cld /var/lib/clamav/daily.cvd; do
        if [ -e "$library" ] && [ ! -r "$library" ]; then unread antivirus.age rights; return; fi
        second=$(made "$library")
        if [ -n "$second" ] && [ "$second" -gt "${newest:-0}" ]; then newest=$second; fi
    done
    if [ -n "$newest" ]; then say antivirus.age "$(( ($(date +%s) - newest) / 86400 ))"
    else unread antivirus.age absent
    fi
}

printf '%s\n' "$begin_marker"
read_system
read_machine
read_memory
read_disk
read_reboot
read_antivirus
read_load
printf '%s\n' "$end_marker"
exit 0
} </dev/null 2>/dev/null

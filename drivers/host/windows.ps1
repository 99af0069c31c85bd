# What a Windows host says of itself, in the names of docs/facts.md: it looks, and changes nothing. Clean on PowerShell
# 2.0. It comes behind lines that set $begin_marker, $end_marker and $part ('read' or 'facts'). It says KEY=VALUE, KEY[]
# for a list that was looked at, KEY[]=VALUE for one of it, and unread.KEY=WHY: rights, absent or unreadable. It writes
# bytes of UTF-8 itself, so neither the console's code page nor what PowerShell makes of objects is in them.
$ErrorActionPreference = 'SilentlyContinue'
$ProgressPreference = 'SilentlyContinue'
$standard_output = [Console]::OpenStandardOutput()
$kept = New-Object Text.StringBuilder
$epoch = New-Object DateTime 1970, 1, 1, 0, 0, 0, ([DateTimeKind]::Utc)
$now = [DateTime]::UtcNow
$CV = 'SOFTWARE\Microsoft\Windows\CurrentVersion'
$NT = 'SOFTWARE\Microsoft\Windows NT\CurrentVersion'

function Put([string]$line) { [void]$kept.Append($line + "`n") }

function Clean([string]$text) {
    $text = ($text -replace '[\x00-\x08\x0A-\x1F\x7F]', ' ').Trim()
    if ($text.Length -gt 200) { $text = $text.Substring(0, 200) }
    return $text
}

function Unread([string]$key, [string]$why) { Put ('unread.' + $key + '=' + $why) }

function Say([string]$key, $value) {
    $text = Clean ([string]$value)
    if ($text -ne '') { Put ($key + '=' + $text) }
}

function SayBool([string]$key, [bool]$value) {
    if ($value) { Put ($key + '=true') } else { Put ($key + '=false') }
}

function Items([string]$key, $values) {
    Put ($key + '[]')
    foreach ($value in @($values)) {
        $text = Clean ([string]$value)
        if ($text -ne '') { Put ($key + '[]=' + $text) }
    }
}

function Micros([DateTime]$at) { return [int64](($at.ToUniversalTime().Ticks - $epoch.Ticks) / 10) }

# The registry as it is under HKEY_LOCAL_MACHINE. $why says why there is nothing.
function OpenKey([string]$path) {
    $script:why = 'absent'
    try { return [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey($path) }
    catch { $script:why = 'rights'; return $null }
}

function Value([string]$path, [string]$name) {
    $key = OpenKey $path
    if ($key -eq $null) { return $null }
    $value = $key.GetValue($name, $null)
    $key.Close()
    return , $value
}

function HasKey([string]$path) {
    $key = OpenKey $path
    if ($key -eq $null) { return $false }
    $key.Close()
    return $true
}

function Below([string]$path) {
    $key = OpenKey $path
    if ($key -eq $null) { return @() }
    $names = $key.GetSubKeyNames()
    $key.Close()
    return @($names)
}

# What WMI knows of a class. $why says why there is nothing.
function Wmi([string]$class, [string]$filter, [string]$space) {
    $script:why = ''
    if ($space -eq '') { $space = 'root\cimv2' }
    try {
        if ($filter -eq '') { return @(Get-WmiObject -Class $class -Namespace $space -ErrorAction Stop) }
        return @(Get-WmiObject -Class $class -Namespace $space -Filter $filter -ErrorAction Stop)
    } catch {
        $script:why = 'absent'
        $told = [string]$_.Exception.Message
        if (($_.Exception -is [UnauthorizedAccessException]) -or ($told -match '0x80041003|0x80070005')) { $script:why = 'rights' }
        return @()
    }
}

# ---- host

function TellHost {
    Say 'host.name' $env:COMPUTERNAME
    Say 'host.domain' (Value 'SYSTEM\CurrentControlSet\Services\Tcpip\Parameters' 'Domain')
    Say 'os.id' 'windows'
    Say 'os.name' (OsName)
    $version = Value $NT 'DisplayVersion'
    if (-not $version) { $version = Value $NT 'ReleaseId' }
    Say 'os.version' $version
    Say 'os.build' (OsBuild)
    Say 'os.edition' (Value $NT 'EditionID')
    Say 'kernel' ([Environment]::OSVersion.Version)
    $arch = $env:PROCESSOR_ARCHITEW6432
    if (-not $arch) { $arch = $env:PROCESSOR_ARCHITECTURE }
    Say 'arch' $arch
    Say 'encoding' ('cp' + [Text.Encoding]::Default.CodePage)
    Say 'timezone' ([TimeZone]::CurrentTimeZone.StandardName)
    Say 'timezone.offset' ([int][TimeZone]::CurrentTimeZone.GetUtcOffset([DateTime]::Now).TotalMinutes)
    Say 'cpu.count' $env:NUMBER_OF_PROCESSORS
    Say 'cpu.name' (Value 'HARDWARE\DESCRIPTION\System\CentralProcessor\0' 'ProcessorNameString')
    TellMachine
    TellDisks
    TellAddresses
    TellReboot
}

function OsName {
    $name = [string](Value $NT 'ProductName')
    $build = 0
    [void][int]::TryParse([string](Value $NT 'CurrentBuildNumber'), [ref]$build)
    if ($build -ge 22000) { $name = $name.Replace('Windows 10', 'Windows 11') }
    return $name
}

function OsBuild {
    $build = [string](Value $NT 'CurrentBuildNumber')
    $ubr = Value $NT 'UBR'
    if ($ubr -ne $null) { $build = $build + '.' + $ubr }
    return $build
}

function TellMachine {
    $system = @(Wmi 'Win32_ComputerSystem' '' '')
    if ($system.Count -gt 0) {
        Say 'machine.maker' $system[0].Manufacturer
        Say 'machine.model' $system[0].Model
        Say 'memory.bytes' $system[0].TotalPhysicalMemory
    } else { Unread 'machine.maker' $why; Unread 'machine.model' $why; Unread 'memory.bytes' $why }
    $os = @(Wmi 'Win32_OperatingSystem' '' '')
    if ($os.Count -gt 0) {
        Say 'memory.free' ([int64]$os[0].FreePhysicalMemory * 1024)
        Say 'boot.at' (Micros ([Management.ManagementDateTimeConverter]::ToDateTime($os[0].LastBootUpTime)))
    } else { Unread 'memory.free' $why; Unread 'boot.at' $why }
    $bios = @(Wmi 'Win32_BIOS' '' '')
    $serial = ''
    if ($bios.Count -gt 0) { $serial = Clean ([string]$bios[0].SerialNumber); $why = 'absent' }
    $none = '', 'none', '0', 'default string', 'to be filled by o.e.m.', 'system serial number', 'not specified'
    if ($none -contains $serial.ToLower()) { Unread 'machine.serial' $why } else { Say 'machine.serial' $serial }
}

function TellDisks {
    $number = 0
    foreach ($disk in @(Wmi 'Win32_LogicalDisk' 'DriveType=3' '')) {
        if ($disk.Size -eq $null) { continue }
        $number = $number + 1
        if ($number -gt 26) { break }
        Say ('disk.' + $number + '.path') ([string]$disk.DeviceID + '\')
        Say ('disk.' + $number + '.bytes') $disk.Size
        Say ('disk.' + $number + '.free') $disk.FreeSpace
    }
}

function OwnAddress([string]$address) { return -not ($address -match '^(127\.|169\.254\.|::1$|fe[89ab][0-9a-f]:)') }

function Prefix([string]$mask) {
    if ($mask -notmatch '\.') { return $mask }
    $bits = 0
    foreach ($part in $mask.Split('.')) { $bits = $bits + ([Convert]::ToString([int]$part, 2) -replace '0', '').Length }
    return [string]$bits
}

function TellAddresses {
    $cards = @(Wmi 'Win32_NetworkAdapterConfiguration' 'IPEnabled=TRUE' '')
    if ($why -ne '') { Unread 'addresses' $why; Unread 'macs' $why; Unread 'networks' $why; return }
    $addresses = @(); $macs = @(); $networks = @()
    foreach ($card in $cards) {
        if ($card.MACAddress) { $macs += ([string]$card.MACAddress).ToLower() }
        $at = 0
        foreach ($address in @($card.IPAddress)) {
            if ($address -and (OwnAddress $address)) {
                $addresses += $address
                $name = ([string]$card.Description) -replace '\s+', '_'
                $networks += ($name + ' ' + $address + '/' + (Prefix ([string]@($card.IPSubnet)[$at])))
            }
            $at = $at + 1
        }
    }
    Items 'addresses' $addresses
    Items 'macs' $macs
    Items 'networks' $networks
}

function TellReboot {
    $cbs = $CV + '\Component Based Servicing'
    $wu = $CV + '\WindowsUpdate\Auto Update'
    if (-not (HasKey $cbs) -and -not (HasKey $wu)) { Unread 'reboot.' $why; return } # Windows XP
    $because = @()
    if (HasKey ($cbs + '\RebootPending')) { $because += 'component based servicing' } elseif ($why -eq 'rights') { Unread 'reboot.' 'rights'; return }
    if (HasKey ($wu + '\RebootRequired')) { $because += 'windows update' } elseif ($why -eq 'rights') { Unread 'reboot.' 'rights'; return }
    SayBool 'reboot.pending' ($because.Count -gt 0)
    if ($because.Count -gt 0) { Items 'reboot.why' $because }
}

# ---- updates and software

function DriverVersion([string]$name) {
    $folder = 'System32' # a 32-bit program sees another folder under that name
    if ($env:PROCESSOR_ARCHITEW6432) { $folder = 'Sysnative' }
    $path = $env:SystemRoot + '\' + $folder + '\drivers\' + $name
    $script:why = 'absent'
    try { [void][IO.File]::GetAttributes($path) }
    catch {
        $base = $_.Exception.GetBaseException()
        if (-not (($base -is [IO.FileNotFoundException]) -or ($base -is [IO.DirectoryNotFoundException]))) { $script:why = 'rights' }
        return ''
    }
    try { $said = [Diagnostics.FileVersionInfo]::GetVersionInfo($path) } catch { $script:why = 'rights'; return '' }
    if ($said.FileMajorPart -eq 0) { $script:why = 'unreadable'; return '' }
    return ('{0}.{1}.{2}.{3}' -f $said.FileMajorPart, $said.FileMinorPart, $said.FileBuildPart, $said.FilePrivatePart)
}

function TellUpdates {
    Say 'updates.source' 'windows'
    $srv = DriverVersion 'srv.sys'
    $script:srv_is = ($srv -ne '') -or ($why -ne 'absent')
    if ($srv -ne '') { Say 'file.srv.sys' $srv } else { Unread 'file.srv.sys' $why }
    $fixes = @(Wmi 'Win32_QuickFixEngineering' '' '')
    if ($why -ne '') { Unread 'updates.qfe' $why }
    else {
        $found = @()
        foreach ($fix in $fixes) { if ([string]$fix.HotFixID -match '^KB\d{6,8}$') { $found += $fix.HotFixID } }
        foreach ($name in @(Below ($NT + '\HotFix'))) { if ($name -match '^KB\d{6,8}$') { $found += $name } }
        Items 'updates.qfe' @($found | Sort-Object -Unique)
    }
    TellHistory
}

# What the update agent of Windows wrote down of itself: no server is asked.
function TellHistory {
    try {
        $searcher = (New-Object -ComObject Microsoft.Update.Session).CreateUpdateSearcher()
        $count = $searcher.GetTotalHistoryCount()
        $found = @(); $last = $null
        if ($count -gt 0) {
            foreach ($entry in $searcher.QueryHistory(0, [Math]::Min($count, 1000))) {
                if (($entry.Operation -ne 1) -or (($entry.ResultCode -ne 2) -and ($entry.ResultCode -ne 3))) { continue }
                if ([string]$entry.Title -match '(KB\d{6,8})') { $found += $matches[1] }
                if (($last -eq $null) -or ($entry.Date -gt $last)) { $last = $entry.Date }
            }
        }
        Items 'updates.wua' @($found | Sort-Object -Unique)
        if ($last -eq $null) { Unread 'updates.last_at' 'absent' }
        else { Say 'updates.last_at' (Micros ([DateTime]::SpecifyKind($last, [DateTimeKind]::Utc))) }
    } catch { Unread 'updates.wua' 'rights'; Unread 'updates.last_at' 'rights' }
}

function TellSoftware {
    $found = @()
    foreach ($folder in ($CV + '\Uninstall'), 'SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall') {
        foreach ($name in @(Below $folder)) {
            $shown = Clean ([string](Value ($folder + '\' + $name) 'DisplayName'))
            if ($shown -ne '') { $found += (($shown -replace '\s+', ' ') + "`t" + (Clean ([string](Value ($folder + '\' + $name) 'DisplayVersion')))) }
        }
    }
    Items 'software' @($found | Sort-Object -Unique)
}

# ---- network

function TellPorts {
    $tables = [Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties()
    $listening = @(); $both = $true
    foreach ($kind in 'tcp', 'udp') {
        try { if ($kind -eq 'tcp') { $ends = $tables.GetActiveTcpListeners() } else { $ends = $tables.GetActiveUdpListeners() } }
        catch { Unread ('ports.' + $kind) 'unreadable'; $both = $false; continue }
        $ports = @()
        foreach ($end in $ends) {
            # UDP does not listen: a port that the system gives out by itself waits for one answer
            if ([Net.IPAddress]::IsLoopback($end.Address) -or (($kind -eq 'udp') -and ($end.Port -ge 49152))) { continue }
            $ports += $end.Port
            $shown = [string]$end.Address
            if ($shown -match ':') { $shown = '[' + ($shown -replace '%.*$', '') + ']' }
            $listening += ($kind + ' ' + $shown + ':' + $end.Port)
        }
        Items ('ports.' + $kind) @($ports | Sort-Object -Unique)
    }
    if ($both) { Items 'listening' @($listening | Sort-Object -Unique) } else { Unread 'listening' 'unreadable' }
}

function TellNetwork {
    TellPorts
    $shares = @(Wmi 'Win32_Share' '' '')
    if ($why -ne '') { Unread 'shares' $why } else { Items 'shares' @($shares | ForEach-Object { $_.Name }) }
    # SMB1 is spoken where its driver is there and nobody said no
    $no = Value 'SYSTEM\CurrentControlSet\Services\LanmanServer\Parameters' 'SMB1'
    if (($no -eq $null) -and ($why -eq 'rights') -and $srv_is) { Unread 'smb1.server' 'rights' }
    else { SayBool 'smb1.server' ($srv_is -and -not (($no -ne $null) -and ($no -eq 0))) }
    $profiles = 0; $on = 0; $barred = $false
    foreach ($name in 'DomainProfile', 'StandardProfile', 'PublicProfile') {
        $path = 'SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\' + $name
        if (HasKey $path) {
            $profiles = $profiles + 1
            if ((Value $path 'EnableFirewall') -eq 1) { $on = $on + 1 }
        } elseif ($why -eq 'rights') { $barred = $true }
    }
    if ($barred) { Unread 'firewall.' 'rights' }
    elseif ($profiles -eq 0) { Unread 'firewall.' 'absent' }
    else { SayBool 'firewall.on' ($on -eq $profiles); Say 'firewall.kind' 'windows' }
}

# ---- antivirus

$products = 0

function Product([string]$name, [string]$read) {
    $script:products = $products + 1
    $script:av = 'av.' + $products + '.'
    Say ($av + 'product') $name
    Say ($av + 'read') $read
    Unread ($av + 'scanned_at') 'absent'
}

function Known([string]$fact, $value) {
    if (($value -eq $null) -or ([string]$value -eq '')) { Unread ($av + $fact) $why } else { Say ($av + $fact) $value }
}

# Of YYYYMMDD or YYYY-MM-DD, of a FILETIME, or of Symantec's three bytes; before 2005 or in the future it is none.
function Dated($value) {
    if (($value -eq $null) -or ([string]$value -eq '')) { Unread ($av + 'library_at') 'absent'; return }
    $at = $null
    try {
        if ($value -is [byte[]]) {
            if ($value.Length -eq 8) { $at = [DateTime]::FromFileTimeUtc([BitConverter]::ToInt64($value, 0)) }
            else { $at = New-Object DateTime (1970 + $value[0]), (1 + $value[1]), $value[2], 0, 0, 0, ([DateTimeKind]::Utc) }
        } else {
            $digits = ([string]$value) -replace '[-/]', ''
            $at = New-Object DateTime ([int]$digits.Substring(0, 4)), ([int]$digits.Substring(4, 2)), ([int]$digits.Substring(6, 2)), 0, 0, 0, ([DateTimeKind]::Utc)
        }
    } catch { $at = $null }
    if (($at -eq $null) -or ($at.Year -lt 2005) -or ($at -gt $now.AddDays(1))) { Unread ($av + 'library_at') 'unreadable' }
    else { Say ($av + 'library_at') (Micros $at) }
}

function Watches($value, [bool]$inverted) {
    if ($value -eq $null) { Unread ($av + 'realtime') $why } else { SayBool ($av + 'realtime') (($value -eq 1) -ne $inverted) }
}

function TellTrend([string]$root) {
    $misc = $root + '\Misc.'
    Product 'Trend Micro OfficeScan' 'registry'
    $version = Value $misc 'TmListen_Ver'
    if (-not $version) { $version = Value $misc 'ProgramVer' }
    Known 'version' $version
    Known 'engine' (Value $misc 'VsAPINT-Ver')
    $names = 'InternalPatternVer', 'PatternDate'
    if ((Value ($root + '\iCRC Scan') 'scantype') -eq 1) { $names = 'InternalNonCrcPatternVer', 'NonCrcPatternDate' }
    $library = Value $misc $names[0]
    if ($library -is [int]) { $library = '{0}.{1:000}.{2:00}' -f [Math]::Floor($library / 100000), ([Math]::Floor($library / 100) % 1000), ($library % 100) }
    Known 'library' $library
    Dated (Value $misc $names[1])
    Watches (Value ($root + '\Real Time Scan Configuration') 'Enable') $false
}

function TellSymantec([string]$root) {
    Product 'Symantec Endpoint Protection' 'registry'
    Known 'version' (Value $root 'PRODUCTVERSION')
    Unread ($av + 'engine') 'absent'
    $date = Value ($root + '\public-opstate') 'LatestVirusDefsDate'
    Known 'library' $date
    if (-not $date) { $date = Value ($root + '\AV') 'PatternFileDate' }
    Dated $date
    Watches (Value ($root + '\AV\Storages\FileSystem\RealTimeScan') 'OnOff') $false
}

function TellDefender([string]$root) {
    Product 'Microsoft Defender' 'registry'
    Unread ($av + 'version') 'absent'
    Known 'engine' (Value $root 'EngineVersion')
    Known 'library' (Value $root 'AVSignatureVersion')
    Dated (Value $root 'AVSignatureApplied')
    Watches (Value 'SOFTWARE\Microsoft\Windows Defender\Real-Time Protection' 'DisableRealtimeMonitoring') $true
}

# What runs, of products that keep nothing known in the registry: program, product
$by_process = @(
    @('QAXEntClient', 'Qianxin Tianqing'), @('360EntClient', '360 Tianqing'), @('HipsDaemon', 'Huorong'),
    @('RavMonD', 'Rising'), @('360sd', '360 Antivirus')
)

# Names of the same, as Windows lists them: also in Chinese, written so that this file is ASCII
$told_by_more = 'Trend Micro|Symantec|Defender|Tianqing|Huorong|Rising|' + [char]0x5929 + [char]0x64CE + '|' + [char]0x706B + [char]0x7ED2 + '|' + [char]0x745E + [char]0x661F

function TellAntivirus {
    $barred = $false
    foreach ($below in '', 'WOW6432Node\') {
        $trend = 'SOFTWARE\' + $below + 'TrendMicro\PC-cillinNTCorp\CurrentVersion'
        if (HasKey $trend) { TellTrend $trend } elseif ($why -eq 'rights') { $barred = $true }
        $symantec = 'SOFTWARE\' + $below + 'Symantec\Symantec Endpoint Protection\CurrentVersion'
        if (HasKey $symantec) { TellSymantec $symantec } elseif ($why -eq 'rights') { $barred = $true }
    }
    $defender = 'SOFTWARE\Microsoft\Windows Defender\Signature Updates'
    if (Value $defender 'AVSignatureVersion') { TellDefender $defender } elseif ($why -eq 'rights') { $barred = $true }
    foreach ($one in $by_process) {
        $running = @(Get-Process -Name $one[0])
        if ($running.Count -eq 0) { continue }
        Product $one[1] 'process'
        $said = $null
        try { $said = $running[0].MainModule.FileVersionInfo } catch { $said = $null }
        $script:why = 'rights'
        if ($said -ne $null) { Known 'version' $said.ProductVersion } else { Known 'version' $null }
        foreach ($name in 'engine', 'library', 'library_at', 'realtime') { Unread ($av + $name) 'absent' }
    }
    TellCentre $barred
}

# Windows' own list, of which a server has none; a product that is known by more is not told twice.
function TellCentre([bool]$barred) {
    $listed = @(Wmi 'AntiVirusProduct' '' 'root\SecurityCenter2')
    $answered = $why -eq ''
    foreach ($one in $listed) {
        $name = Clean ([string]$one.displayName)
        if (($name -eq '') -or ($name -match $told_by_more)) { continue }
        Product $name 'SecurityCenter2'
        foreach ($fact in 'version', 'engine', 'library', 'library_at') { Unread ($av + $fact) 'absent' }
        SayBool ($av + 'realtime') ((([int]$one.productState) -band 0xF000) -eq 0x1000)
    }
    if ($products -gt 0) { Say 'av.count' $products }
    elseif ($barred) { Unread 'av.' 'rights' }
    elseif ($answered -and ($listed.Count -eq 0)) { Put 'av.count=0' }
    else { Unread 'av.' 'absent' }
}

# ---- policy

function TellPolicy {
    $start = Value 'SYSTEM\CurrentControlSet\Services\USBSTOR' 'Start'
    $sticks = $why
    $denied = Value 'SOFTWARE\Policies\Microsoft\Windows\RemovableStorageDevices' 'Deny_All'
    if ($start -eq $null) { Unread 'usb.storage' $sticks }
    elseif (($start -eq 4) -or ($denied -eq 1)) { Say 'usb.storage' 'denied' }
    else { Say 'usb.storage' 'allowed' }
    TellAdministrators
    TellLicence
}

function TellAdministrators {
    try {
        $sid = New-Object Security.Principal.SecurityIdentifier 'S-1-5-32-544'
        $group = $sid.Translate([Security.Principal.NTAccount]).Value
        $group = $group.Substring($group.IndexOf('\') + 1)
        $people = @()
        foreach ($member in @(([ADSI]('WinNT://./' + $group + ',group')).psbase.Invoke('Members'))) {
            $people += [string]$member.GetType().InvokeMember('Name', 'GetProperty', $null, $member, $null)
        }
        if ($people.Count -eq 0) { Unread 'administrators' 'unreadable' } else { Items 'administrators' @($people | Sort-Object -Unique) }
    } catch { Unread 'administrators' 'rights' }
}

function TellLicence {
    $filter = "ApplicationID='55c92734-d682-4d71-983e-d6ec3f16059f' AND PartialProductKey IS NOT NULL"
    $found = @(Wmi 'SoftwareLicensingProduct' $filter '')
    if ($why -ne '') { Unread 'licence' $why; return }
    if ($found.Count -eq 0) { Say 'licence' 'unlicensed'; return }
    $states = @($found | ForEach-Object { [int]$_.LicenseStatus })
    if ($states -contains 1) { Say 'licence' 'licensed' }
    elseif (($states -contains 2) -or ($states -contains 3) -or ($states -contains 4) -or ($states -contains 6)) { Say 'licence' 'grace' }
    else { Say 'licence' 'unlicensed' }
}

# ---- a poll's few figures

function Read {
    Say 'name' $env:COMPUTERNAME
    Say 'os' ((OsName) + ' ' + (OsBuild))
    Say 'kernel' ([Environment]::OSVersion.Version)
    $system = @(Wmi 'Win32_ComputerSystem' '' '')
    if ($system.Count -gt 0) { Say 'maker' $system[0].Manufacturer; Say 'model' $system[0].Model } else { Unread 'model' $why }
    $bios = @(Wmi 'Win32_BIOS' '' '')
    if ($bios.Count -gt 0) { Say 'serial' $bios[0].SerialNumber } else { Unread 'serial' $why }
    $os = @(Wmi 'Win32_OperatingSystem' '' '')
    if ($os.Count -gt 0) {
        Say 'uptime' ([int64]($now - [Management.ManagementDateTimeConverter]::ToDateTime($os[0].LastBootUpTime).ToUniversalTime()).TotalSeconds)
        $all = [double]$os[0].TotalVisibleMemorySize
        Say 'memory.size' ([int64]($all / 1024))
        Say 'memory.used' ((100 * ($all - [double]$os[0].FreePhysicalMemory) / $all).ToString('0.0', [Globalization.CultureInfo]::InvariantCulture))
    } else { Unread 'uptime' $why; Unread 'memory.used' $why }
    $most = -1.0; $where = ''
    foreach ($disk in @(Wmi 'Win32_LogicalDisk' 'DriveType=3' '')) {
        if (-not $disk.Size) { continue }
        $used = 100 * (1 - [double]$disk.FreeSpace / [double]$disk.Size)
        if ($used -gt $most) { $most = $used; $where = [string]$disk.DeviceID + '\' }
    }
    if ($most -ge 0) { Say 'disk.used' ([int]$most); Say 'disk' $where } else { Unread 'disk.used' 'absent' }
    $cbs = $CV + '\Component Based Servicing'
    $wu = $CV + '\WindowsUpdate\Auto Update'
    if (-not (HasKey $cbs) -and -not (HasKey $wu)) { Unread 'reboot' $why }
    elseif ((HasKey ($cbs + '\RebootPending')) -or (HasKey ($wu + '\RebootRequired'))) { Say 'reboot' 'pending' }
    elseif ($why -eq 'rights') { Unread 'reboot' 'rights' }
    else { Say 'reboot' 'none' }
}

function TellAll {
    TellHost
    TellUpdates
    TellSoftware
    TellNetwork
    TellAntivirus
    TellPolicy
}

if ($part -eq 'read') { Read } else { TellAll }
$bytes = [Text.Encoding]::UTF8.GetBytes($begin_marker + "`n" + $kept.ToString() + $end_marker + "`n")
if ($part -ne 'kept') {
    $standard_output.Write($bytes, 0, $bytes.Length)
    $standard_output.Flush()
}

# What this host says of itself, posted to an agent of Branchfleet, or with -ToFile written into a file.
# It only looks, and changes nothing. Clean on PowerShell 2.0. It holds the key of @POSITION@:
#   icacls FILE /inheritance:r /grant *S-1-5-18:F *S-1-5-32-544:F
#   powershell.exe -NoProfile -ExecutionPolicy Bypass -File FILE                   posts to @ADDRESS@
#   powershell.exe -NoProfile -ExecutionPolicy Bypass -File FILE -ToFile PATH      writes what `branchfleet facts import` takes
# By the Task Scheduler, every four hours:
#   @TASK@
param([string]$ToFile = '')
$begin_marker = 'BEGIN-FACTS'
$end_marker = 'END-FACTS'
$part = 'kept'
@SCRIPT@
$ErrorActionPreference = 'Stop'
$position = '@POSITION@'
$server = 'http://@ADDRESS@'
$sha256 = '@SHA256@'
$key = [Convert]::FromBase64String('@KEY@')

function Fail([int]$code, [string]$why) { [Console]::Error.WriteLine($why); exit $code }

function Hex([byte[]]$some) { return ([BitConverter]::ToString($some) -replace '-', '').ToLower() }

function Document([string]$nonce) {
    $seconds = [int64][Math]::Floor(([DateTime]::UtcNow - $epoch).TotalSeconds)
    $head = "branchfleet-facts 1`nposition=$position`ntime=$seconds`nnonce=$nonce`nscript=windows.ps1 $sha256`n`n"
    $whole = New-Object IO.MemoryStream
    $first = [Text.Encoding]::ASCII.GetBytes($head)
    $whole.Write($first, 0, $first.Length)
    $whole.Write($bytes, 0, $bytes.Length)
    $signs = New-Object Security.Cryptography.HMACSHA256
    $signs.Key = $key
    $last = [Text.Encoding]::ASCII.GetBytes('signature=' + (Hex $signs.ComputeHash($whole.ToArray())) + "`n")
    $whole.Write($last, 0, $last.Length)
    return , $whole.ToArray()
}

if ($ToFile -ne '') {
    $random = New-Object byte[] 16
    (New-Object Security.Cryptography.RNGCryptoServiceProvider).GetBytes($random)
    try { [IO.File]::WriteAllBytes($ToFile, (Document (Hex $random))) } catch { Fail 1 ([string]$_.Exception.Message) }
    exit 0
}
try {
    [Net.ServicePointManager]::Expect100Continue = $false
    $client = New-Object Net.WebClient
    $client.Proxy = $null
    $nonce = $client.DownloadString($server + '/facts/nonce').Trim()
    $answer = [Text.Encoding]::ASCII.GetString($client.UploadData($server + '/facts', 'POST', (Document $nonce))).Trim()
} catch { Fail 4 ($server + ': ' + [string]$_.Exception.Message) }
if ($answer -ne 'taken') { Fail 5 ('it was not taken: ' + $answer) }
exit 0

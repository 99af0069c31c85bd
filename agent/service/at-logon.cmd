@echo off
rem Branchfleet agent, started when somebody logs on: for a PC without administrator rights.
rem The ports are the teller's program's by then, so a service that starts with the PC sees more.
if not "%1"=="stay" (
    start "Branchfleet" /min /belownormal cmd /c "%~f0" stay
    exit /b
)
:again
"{program}" run --home "{home}"
rem ended as asked; or a person is needed: wrong settings, a newer spool, not set up
for %%c in (0 2 3 8 10) do if %errorlevel%==%%c exit /b
ping -n 31 127.0.0.1 >nul
goto again

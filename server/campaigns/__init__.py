"""Campaigns (专项核查): checks that are pushed to many hosts, with an answer or a reason of every one."""

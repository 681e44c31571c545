"""A picture whose rows cost very different time: how well do workers share it?"""
